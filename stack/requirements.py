"""What the machine must have for the stack: checked before anything begins, installed after asking.

Runs on any Python 3, before there is a virtual environment.
"""

import os
import re
import shutil
import subprocess
import sys

NEEDS = (
    # what it is, how its version is asked for, the oldest that will do, the Debian package that brings it
    ("Python with venv", [sys.executable, "-c", "import ensurepip, sys; print(sys.version)"], (3, 11), "python3-venv"),
    ("Java runtime", ["java", "-version"], (17,), "openjdk-17-jre-headless"),
    ("Maven", ["mvn", "-version"], (3,), "maven"),
    ("Go", ["go", "version"], (1, 19), "golang-go"),
    ("C compiler for Go", ["gcc", "-dumpfullversion"], (8,), "gcc libc6-dev"),
)


def version_of(command):
    """The version a program tells, as numbers; None if it is not there or does not answer."""
    if shutil.which(command[0]) is None:
        return None
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if answer.returncode:
        return None
    found = re.search(rb"(\d+)\.(\d+)", answer.stdout)
    return tuple(int(part) for part in found.groups()) if found else None


def missing():
    """What is missing or too old: its name and the Debian packages that bring it."""
    lacking = []
    for name, command, oldest, packages in NEEDS:
        version = version_of(command)
        if version is None or version < oldest:
            wanted = ".".join(map(str, oldest))
            lacking.append((f"{name} {wanted} or newer", packages))
    return lacking


def main():
    """Check, and install what is missing if the user agrees."""
    lacking = missing()
    if not lacking:
        return 0
    for name, packages in lacking:
        print(f"missing: {name} (Debian package: {packages})", file=sys.stderr)
    install = ["apt-get", "install", "-y", *" ".join(packages for _, packages in lacking).split()]
    if os.geteuid() or shutil.which("apt-get") is None:
        print(f"please install it first, on Debian with: sudo {' '.join(install)}", file=sys.stderr)
        return 1
    if sys.stdin.isatty():
        if input(f"run `{' '.join(install)}` now? [Y/n] ").strip().lower() not in ("", "y", "yes"):
            return 1
    else:
        print(f"installing: {' '.join(install)}", file=sys.stderr)
    subprocess.run(["apt-get", "update"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        install, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    )
    still = missing()
    for name, packages in still:
        print(f"still missing: {name}, although {packages} is installed", file=sys.stderr)
    return 1 if still else 0


if __name__ == "__main__":
    sys.exit(main())
