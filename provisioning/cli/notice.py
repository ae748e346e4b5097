"""``commune-agent notice``: the sign that must hang where cameras record a public place."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import Parser

if TYPE_CHECKING:
    from provisioning.notice.words import Words


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "notice",
        description="Print the public notice: that cameras record here, what for, who is responsible, how long pictures"
        " are kept (docs/guide/notice.md). The words are provisioning/notice/words.toml; no lawyer has read them yet.",
        example='commune-agent notice sites/cho-gom/site.toml --agency "Công an xã Chợ Gốm" --contact "0200 555 0100"'
        ' --purpose "Giữ gìn trật tự, an toàn giao thông" -o cho-gom.pdf',
    )
    add_option = parser.add_argument
    add_option("config", type=Path, nargs="?", metavar="CONFIG", help="the box's site.toml; gives place and days")
    add_option("--agency", required=True, metavar="TEXT", help="who is responsible")
    add_option("--contact", required=True, metavar="TEXT", help="how to reach them: telephone, address")
    add_option("--purpose", required=True, metavar="TEXT", help="what the pictures are for, and nothing else")
    add_option("--agency-en", metavar="TEXT", help="the same in English, for --lang both (else as --agency)")
    add_option("--contact-en", metavar="TEXT", help="the same in English, for --lang both (else as --contact)")
    add_option("--purpose-en", metavar="TEXT", help="the same in English, for --lang both")
    add_option("--retention-days", type=int, metavar="N", help="when pictures are deleted; else store.keep_acked_days")
    add_option("--lang", choices=("vi", "en", "both"), default="vi", help="language: vi, en or both")
    add_option("--size", choices=("A3", "A4"), default="A3", help="paper: A3 or A4")
    add_option("--texts", type=Path, metavar="FILE", help="words of your own, in the form of words.toml")
    add_option("-o", "--output", type=Path, required=True, metavar="FILE", help="where to: FILE.pdf or FILE.svg")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say what it promises."""
    from agent.errors import BackendMissing, ConfigError
    from provisioning.files import make_folder, write_whole

    output: Path = arguments.output
    if output.suffix.lower() not in (".pdf", ".svg"):
        raise ConfigError("-o", f"{output} is neither a .pdf nor an .svg file; name one")
    place, days = _from_config(arguments)
    languages = _words(arguments, place, days)
    try:
        from provisioning.notice.sheet import lay_out

        page = lay_out(languages, arguments.size)
        if output.suffix.lower() == ".pdf":
            from provisioning.notice.pdf import pdf as draw
        else:
            from provisioning.notice.svg import svg as draw
    except ImportError as error:
        reason = f"{error.name or error} is not installed; a technician's laptop gets it with: ./run office"
        raise BackendMissing("notice", reason) from error
    make_folder(output.parent, 0o755)
    write_whole(output, draw(page, " ".join(languages[0].title)))
    print(f"{output}: {arguments.size}, promises that pictures are deleted after {days} days; see that they are:")
    print("  docs/guide/notice.md says what deletes what. Have a lawyer read the words before you put it up.")
    return 0


def _from_config(arguments: argparse.Namespace) -> tuple[str, int]:
    """Give what the sign says of its place, and the days that it promises."""
    from agent.errors import ConfigError

    flag = "--retention-days"
    days: int | None = arguments.retention_days
    if days is not None and not 1 <= days <= 3650:
        raise ConfigError(flag, f"must be from 1 to 3650, got {days}")
    if arguments.config is None:
        if days is None:
            raise ConfigError(flag, "is missing, and no site.toml is named that would say it")
        return "", days
    from agent.site_shape import shape

    site = shape(arguments.config)
    kept = site.store.keep_acked_days
    if days is not None and days < kept:
        problem = f"{days} would promise more than {arguments.config} keeps: store.keep_acked_days is {kept}"
        raise ConfigError(flag, f"{problem}; lower that first, or write {kept} or more")
    return f"{site.box.name} ({site.box.id})", days or kept


def _words(arguments: argparse.Namespace, place: str, days: int) -> list[Words]:
    from agent.errors import ConfigError
    from provisioning.notice.words import TEXTS, words

    texts = arguments.texts or TEXTS
    told = {key: getattr(arguments, key) for key in ("agency", "contact", "purpose")} | {"days": str(days)}
    languages = ("vi", "en") if arguments.lang == "both" else (arguments.lang,)
    given = {key: getattr(arguments, f"{key}_en") for key in ("agency", "contact", "purpose")}
    if len(languages) == 1:
        return [words(texts, languages[0], told, place)]
    if not given["purpose"]:
        raise ConfigError("--purpose-en", "is missing; --lang both says the purpose in both languages")
    english = told | {key: text for key, text in given.items() if text}
    return [words(texts, "vi", told, place), words(texts, "en", english, "")]
