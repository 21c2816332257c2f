"""A small Hub of our own: real HTTP on loopback for the unmodified client.

`server.HubServer` speaks the part of the Hugging Face Hub's dataset-repository protocol that
`huggingface_hub`, `hf_xet` and `datasets` use to create, push, tag and read back a dataset, over
both transports (LFS and Xet). It checks what it is given as the Hub does, logs every request, and
fails on demand.

    server.py    the server: start, stop, accounts, faults, switches, the log
    wire.py      one request, one answer, and how they travel
    routes.py    accounts, repositories, references, commits
    files.py     bytes: LFS, resolve, and the content store behind Xet
    store.py     repositories, commits and objects in memory; no HTTP
    client.py    the other side: a process whose environment points at a server
    pusher.py    a long-lived one, for many pushes
    bench.py     server, pusher and a dataset, for tests of pushing
    xet.py       the two formats of Xet that a store must understand: xorbs and shards
"""
