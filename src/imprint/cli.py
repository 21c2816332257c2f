"""The command line: arguments in, one call, the result out, an exit status."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import imprint
from imprint.errors import Fault, ImprintError, UsageError
from imprint.terminal import ask, complain, print_result, progress, warn

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_YET = ("report", "review", "explain")
"""Commands that are planned and not there yet."""

INTERRUPTED = 130
"""Exit status after Ctrl-C. Source: POSIX, 128 + SIGINT."""

GARBAGE = 200_000
"""New objects after which Python looks for rings of them that nobody needs. Chosen: all that a
command imports comes to a few times that."""

FOLDER = click.Path(path_type=str)

ID = re.compile(r"[0-9a-f]{8}")
"""The id of a proposal."""


class _Commands(click.Group):
    """The commands in the order in which a curator meets them, and a word for those to come."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of their definition."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is planned is refused by name."""
        if args and args[0] in NOT_YET:
            raise UsageError(
                Fault(
                    f"imprint {args[0]}",
                    "a command that is not there yet",
                    "one of " + ", ".join(self.commands),
                    'run "imprint --help" to see what each does',
                )
            )
        return super().resolve_command(ctx, args)


class _Listing(click.Command):
    """A command whose options that may be repeated take several values, too: --accept A B."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further value; a folder that is there is none."""
        many = {name for each in self.params if each.multiple for name in each.opts}
        option, written = "", list[str]()
        for each in args:
            if each.startswith("-"):
                option = each if each in many else ""
            elif option and written[-1] != option:
                if Path(each).is_dir() and not ID.fullmatch(each):
                    option = ""
                else:
                    written.append(option)
            written.append(each)
        return super().parse_args(ctx, written)


def _command(
    name: str, example: str, cls: type[click.Command] = click.Command
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command, with an example in its help and the options that all share."""

    def wrap(function: Callable[..., None]) -> click.Command:
        epilog = "\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines())
        shared = click.option("--quiet", is_flag=True, help="No progress on standard error.")(
            click.option("--json", "as_json", is_flag=True, help="The result as JSON.")(function)
        )
        return commands.command(name, cls=cls, epilog=epilog)(shared)

    return wrap


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  imprint init corpus --name my-news\n  imprint build corpus",
)
@click.version_option(imprint.__version__, message="imprint %(version)s")
def commands() -> None:
    """Turn a folder of raw text into a dataset that people can stand behind."""


@_command("init", "imprint init corpus --yes --name my-news --license cc-by-4.0 --language id")
@click.argument("folder", metavar="[DIR]", default=".", type=FOLDER)
@click.option("--yes", is_flag=True, help="Take the defaults and ask nothing.")
@click.option("--name", help="Name of the dataset.  [default: the folder's name]")
@click.option("--license", "license_", help="Licence identifier of the Hub's list.")
@click.option("--language", "languages", multiple=True, help="BCP 47 tag; may be repeated.")
def init(folder: str, languages: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Write schema/ for a folder of raw text."""
    from imprint import summary
    from imprint.init import look_at, suggest_name, write_schema

    root = Path(folder)
    looked = look_at(root / "raw")
    asked = functools.partial(ask, silent=given["yes"] or as_json or not sys.stdin.isatty())
    name = given["name"] or asked("Name of the dataset", suggest_name(root))
    license_ = given["license_"] or asked("Licence", "unknown")
    languages = languages or tuple(asked("Languages (BCP 47)", "und").split())
    written = write_schema(root, name, license_, languages, looked)
    print_result(
        as_json, {"written": written, "files": looked}, lambda: summary.init(looked, written)
    )


def _opened(folder: str) -> imprint.Project:
    """Return a project that is to be pressed in this process, which is ours but for its steps."""
    from imprint.engine import make_ours, spare_pandas

    make_ours()
    project = imprint.Project.open(folder)
    if not project.steps:
        spare_pandas()
    return project


@_command("build", "imprint build corpus --workers 4")
@click.argument("folder", metavar="[DIR]", default=".", type=FOLDER)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes.  [default: one a core]")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Processes of this machine, or of a Ray cluster.  [default: local]",
)
@click.option("--address", metavar="HOST:PORT", help="Of the Ray cluster.  [default: auto]")
@click.option("--fresh", is_flag=True, help="Trust no cache: read and press everything anew.")
@click.option("--since", metavar="OLD", help="A release whose records keep their splits.")
@click.option("--sample", type=int, metavar="N", help="Build from N documents only, to try it out.")
@click.option("--profile", is_flag=True, help="Add the time of each stage to the summary.")
@click.option("--strict", is_flag=True, help="Exit 1 when there is a warning.")
def build(folder: str, workers: int | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Make build/ from raw/ and schema/."""
    from imprint import summary

    chosen = {name: options[name] for name in ("fresh", "sample", "engine", "address", "since")}
    with progress(quiet) as show_progress:
        built = imprint.build(_opened(folder), workers=workers, progress=show_progress, **chosen)
    profile = options["profile"]
    facts = summary.build_facts(built, profile=profile)
    print_result(as_json, facts, lambda: summary.build(built, profile=profile))
    warn(built.warnings, strict=options["strict"])


@_command("check", "imprint check corpus --strict")
@click.argument("folder", metavar="[DIR]", default=".", type=FOLDER)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes.  [default: one a core]")
@click.option("--strict", is_flag=True, help="Exit 1 when there is a warning.")
def check(folder: str, workers: int | None, strict: bool, as_json: bool, quiet: bool) -> None:
    """Tell all that build would refuse or warn of; fill the cache, write nothing else."""
    from imprint import summary

    with progress(quiet) as show_progress:
        checked = imprint.check(_opened(folder), workers=workers, progress=show_progress)
    print_result(as_json, checked, lambda: summary.check(checked))
    for problem in checked.problems:
        complain(problem)
    warn(checked.warnings, strict=strict)
    if checked.problems:
        raise SystemExit(1)


@_command("suggest", "imprint suggest corpus\nimprint suggest corpus --accept e3b414ee", _Listing)
@click.argument("folder", metavar="[DIR]", default=".", type=FOLDER)
@click.option("--accept", multiple=True, metavar="ID...", help="Write it to schema/errata.toml.")
@click.option("--reject", multiple=True, metavar="ID...", help="Do not propose it again.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes.  [default: one a core]")
def suggest(folder: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Propose corrections of likely typos, with the evidence."""
    from imprint import summary

    with progress(quiet) as show_progress:
        found = imprint.suggest(_opened(folder), progress=show_progress, **options)
    print_result(as_json, found.proposals, lambda: summary.suggest(found, folder))


@_command("languages", "imprint languages corpus")
@click.argument("folder", metavar="[DIR]", required=False, type=FOLDER)
def languages(folder: str | None, as_json: bool, quiet: bool) -> None:
    """Tell which languages are known, by whom, and how well those are that schema/ teaches."""
    from pathlib import Path

    from imprint import summary
    from imprint.languages import survey

    here = "." if Path("schema/dataset.toml").exists() else None
    known = survey(folder or here)
    print_result(as_json, known, lambda: summary.languages(known))


@_command("verify", "imprint verify corpus\nimprint verify org/name")
@click.argument("name", metavar="[DIR|NAME]", default=".")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes.  [default: one a core]")
def verify(name: str, workers: int | None, as_json: bool, quiet: bool) -> None:
    """Rebuild from raw/ and compare with what was built."""
    from imprint import summary

    with progress(quiet) as show_progress:
        verified = imprint.verify(name, workers=workers, progress=show_progress)
    print_result(as_json, verified, lambda: summary.verify(verified))
    for difference in verified.differences:
        complain(difference)
    if verified.differences:
        raise SystemExit(1)


@_command("diff", "imprint diff org/name@v1.0.0 corpus")
@click.argument("old")
@click.argument("new")
def diff(old: str, new: str, as_json: bool, quiet: bool) -> None:
    """Compare two releases: records added, gone, edited, moved, and why."""
    from imprint import summary

    found = imprint.diff(old, new)
    print_result(as_json, found, lambda: summary.diff(found))
    if found.counts.resplit or not found.fits:
        raise SystemExit(1)


@_command("wheel", "imprint wheel corpus")
@click.argument("folder", metavar="[DIR]", default=".", type=FOLDER)
@click.option("--pin", metavar="ORG/NAME", help="Carry the manifest only, and fetch from there.")
def wheel(folder: str, pin: str | None, as_json: bool, quiet: bool) -> None:
    """Press the data wheel: a dataset that installs with pip and needs nothing of imprint."""
    from imprint import summary

    _refuse_later("imprint wheel --pin", pin)
    path = imprint.wheel(folder)
    print_result(as_json, {"wheel": path}, lambda: summary.wheel(path))


@_command("push", "imprint push corpus org/my-news --dry-run\nimprint push corpus org/my-news")
@click.argument("where", metavar="[DIR] ORG/NAME", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--private/--public", default=None, help="Of a new repository.  [default: private]")
@click.option("--revision", help="Branch to publish on.  [default: main]")
@click.option("--tag", help="Tag to set on the commit.")
@click.option("--pr", is_flag=True, help="Open a pull request in place of a commit on the branch.")
def push(where: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Publish to the Hub: one commit or nothing."""
    from imprint import summary

    if len(where) > 2:
        raise click.UsageError(f"Got unexpected argument {where[2]!r}")
    folder, repository = ("." if len(where) == 1 else where[0]), where[-1]
    pushed = imprint.push(folder, repository, **options)
    print_result(as_json, pushed, lambda: summary.push(pushed))


@_command("load", "imprint load csto-news\nimprint load org/name@v1.0.0")
@click.argument("name")
def load(name: str, as_json: bool, quiet: bool) -> None:
    """Fetch a dataset, check it, and print where it lies and the line that loads it."""
    from imprint import summary
    from imprint.catalog import resolve

    path = resolve(name)
    facts = {"name": name, "path": path, "line": summary.load_line(name)}
    print_result(as_json, facts, lambda: summary.load(name, path))


@_command("show", "imprint show csto-news")
@click.argument("name", required=False)
def show(name: str | None, as_json: bool, quiet: bool) -> None:
    """Take a first look at a dataset; without a name, list the installed ones."""
    from imprint import catalog, summary

    if name is None:
        installed = catalog.installed()
        print_result(as_json, installed, lambda: summary.installed(installed))
        return
    shown = catalog.show(name)
    print_result(as_json, shown, lambda: summary.show(shown))


def main() -> NoReturn:
    """Run the command line and exit with its status.

    Importing makes hundreds of thousands of objects that stay: to look through them for what can go
    would be a sixth of a small build (measured).
    """
    gc.set_threshold(GARBAGE)
    try:
        status = run(sys.argv[1:])
    finally:
        gc.freeze()
    if status == INTERRUPTED:
        # Where Ctrl-C struck Python that a library ran, Python would end by the signal after all.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run a command; return the exit status, with every fault said in one line.

    Args:
        arguments: without the name of the program.
    """
    try:
        commands.main(arguments, prog_name="imprint", standalone_mode=False)
    except ImprintError as error:
        complain(*error.lines())
        return error.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_status
    except click.ClickException as error:
        complain(_usage(error))
        return UsageError.exit_status
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted; what was there before is still there")
        return INTERRUPTED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:
        if os.environ.get("IMPRINT_TRACEBACK"):
            raise
        complain(_unforeseen(error))
        return UsageError.exit_status
    return 0


def _refuse_later(what: str, given: object) -> None:
    """Refuse an option that is planned and not there yet."""
    if given not in (None, False):
        raise UsageError(
            Fault(what, "an option that is not there yet", "the command without it", "leave it out")
        )


def _usage(error: click.ClickException) -> str:
    """Return what click found wrong with a call, in the form of a fault."""
    context = getattr(error, "ctx", None)
    place = context.command_path if context else "imprint"
    seen, _, near = error.format_message().partition(" Did you mean ")
    fix = f"say {near.rstrip('?')}" if near else f'run "{place} --help" to see which'
    return str(Fault(place, seen.rstrip("."), "a call that imprint knows", fix))


def _unforeseen(error: Exception) -> str:
    """Return one line on an error that nobody foresaw."""
    seen = f"{type(error).__name__}: {error}".splitlines()[0]
    fix = "run it again with IMPRINT_TRACEBACK=1 and report what it prints"
    return str(Fault("imprint itself", seen, "no such error", fix))
