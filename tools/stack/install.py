"""Installs the stack's servers into the cache: `python -m tools.stack.install`."""

import sys
from typing import Final

from tools.stack.cache import InstallError
from tools.stack.influxdb import install_influxdb
from tools.stack.kafka import install_kafka

_INTERRUPTED: Final = 130


def main() -> int:
    """Install what is missing."""
    try:
        install_kafka()
        install_influxdb()
    except InstallError as error:
        print(f"{error}\nTry again once that is mended: what is there already is kept.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
