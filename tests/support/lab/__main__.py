"""The lab by hand: ``PYTHONPATH=tests python -m support.lab up`` and a few words more."""

from __future__ import annotations

import argparse
import os
import sys

from support.lab.base import base_root
from support.lab.lab import Lab
from support.lab.office import Office
from support.lab.probe import reason_against
from support.lab.record import Record, clear_dead_runs, every_run
from support.lab.shell import LabError, quoted


def main() -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args()
    reason = reason_against()
    if reason:
        print(f"lab: {reason}", file=sys.stderr)
        return 3
    try:
        options.run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _up(options: argparse.Namespace) -> None:
    lab = Lab.start(options.boxes, _say, kept=True)
    name = lab.record.folder.name
    print(f"a lab is running in {lab.record.folder}; it stays until: python -m support.lab --run {name} down")
    _tell(lab)


def _tell(lab: Lab) -> None:
    for machine in lab.machines:
        print(f"{machine.place.name:5}  {machine.place.address:10}  console: {machine.folder}/console.log")
    print(f"a shell on box1:        {quoted(lab.ssh_words(lab.boxes[0], '')[:-1])}")
    own = [f"ANSIBLE_SSH_ARGS=-F {lab.ssh_config}", f"ANSIBLE_SSH_CONTROL_PATH_DIR={lab.record.folder}/ansible/cp"]
    print(f"before ansible's words: {lab.laptop} env {quoted(own)}")
    print(f"technician's key:       {lab.technician_key}   host keys: {lab.known_hosts}")
    for bundle in lab.record.folder.glob("commune-agent-*"):
        print(f"a play:                 {quoted(Office(lab, bundle).play_words('site.yml'))}")


def _status(_options: argparse.Namespace) -> None:
    for record in every_run():
        print(f"run {record.folder.name}: {'running' if record.owner_lives() else 'dead; clean removes it'}")
        if record.owner_lives() and (record.folder / "lab.json").exists():
            _tell(Lab.found(record))


def _down(options: argparse.Namespace) -> None:
    _chosen(options).clear(_say)


def _link(options: argparse.Namespace) -> None:
    network = Lab.found(_chosen(options)).network
    if options.what == "up":
        network.mend()
    elif options.what == "down":
        network.cut()
    else:
        network.rate(int(options.what))


def _machine(options: argparse.Namespace) -> None:
    lab = Lab.found(_chosen(options))
    machine = next((each for each in lab.machines if each.place.name == options.machine), None)
    if machine is None:
        raise LabError(f"no machine {options.machine!r}; there are: {', '.join(m.place.name for m in lab.machines)}")
    if options.command == "enter":
        line = machine.inside(*(options.words or ["bash"]))
        os.execvp(line[0], line)
    elif options.command == "ssh":
        line = lab.ssh_words(machine, " ".join(options.words))
        os.execv(line[0], line if options.words else line[:-1])
    elif options.command == "cut":
        machine.cut_power()
    elif options.command == "boot":
        machine.boot()
        machine.wait_up()


def _chosen(options: argparse.Namespace) -> Record:
    """Give the run that is meant: the named one, or the only one there is."""
    running = [record for record in every_run() if record.owner_lives() and (record.folder / "lab.json").exists()]
    found = [record for record in running if options.run_name in (None, record.folder.name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise LabError("no such lab is running; start one: python -m support.lab up")
    names = ", ".join(record.folder.name for record in found)
    raise LabError(f"several labs are running ({names}); say which, before the command: --run {found[-1].folder.name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m support.lab", description=__doc__)
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="which lab, where several run (see status)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("probe", lambda _options: print("this machine can run the lab"), "tell whether this machine can run it")
    command("base", lambda _options: print(base_root(_say)), "make the base system")
    command("up", _up, "start a lab that stays").add_argument("--boxes", type=int, default=1, metavar="N")
    command("status", _status, "tell what runs, and how to reach it")
    command("down", _down, "end the newest lab and remove all of it")
    command("clean", lambda _options: clear_dead_runs(_say), "remove what labs have left whose process was killed")
    link = command("link", _link, "the link between site and HQ: up, down, or its kbit/s")
    link.add_argument("what", metavar="up|down|KBIT")
    for name, text in (
        ("ssh", "log in as the technician, or run a command line"),
        ("enter", "a root shell or a command in a machine, past its network"),
        ("cut", "take a machine's power away"),
        ("boot", "switch a machine on again"),
    ):
        added = command(name, _machine, text)
        added.add_argument("machine", metavar="MACHINE")
        if name in ("ssh", "enter"):
            added.add_argument("words", nargs=argparse.REMAINDER, metavar="WORD")
    return parser


if __name__ == "__main__":
    sys.exit(main())
