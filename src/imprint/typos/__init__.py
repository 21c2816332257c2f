"""Typos: find words that are likely slips for others, and propose corrections with the evidence.

words.py      texts to words; what acronyms may be short for
pairs.py      words that are one edit apart
look.py       the tasks: what is looked up in the texts of one part
gather.py     from all parts to pairs, with what is known of each
forms.py      affixes, spoken forms, keys and sounds
known.py      lists of words, where they are installed
weigh.py      what speaks for a pair and against it
proposals.py  the best of them, and what a person decides
decide.py     errata.toml and decisions.toml
"""

from imprint.typos.proposals import Proposal, Suggested, suggest

__all__ = ["Proposal", "Suggested", "suggest"]
