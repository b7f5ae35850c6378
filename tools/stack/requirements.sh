#!/bin/sh
# What the machine must have, checked before anything begins; what is missing is installed after asking.
#   tools/stack/requirements.sh python                 what the virtual environment needs
#   tools/stack/requirements.sh python java maven go   what the stack's Kafka and InfluxDB need too
#   tools/stack/requirements.sh chromium               what the tests of the web page look at it with
#   tools/stack/requirements.sh npm                    what the linter of the web page is installed with
# A shell script, as there may be no Python yet. PYTHON and CHROMIUM name the ones to use.
set -eu

PYTHON=${PYTHON:-python3}
CHROMIUM=${CHROMIUM:-chromium}

oldest() {
    case $1 in
    python) echo 3.11 ;;
    java) echo 17 ;;
    maven) echo 3.6 ;;
    go) echo 1.19 ;;
    chromium) echo 123 ;;
    npm) echo 8 ;;
    *) echo "requirements.sh: $1 is not one of python, java, maven, go, chromium, npm" >&2 && exit 2 ;;
    esac
}

# The Debian packages that bring it.
packages() {
    case $1 in
    python) echo python3 python3-venv ;;
    java) echo default-jre-headless ;; # Java 17 in Debian 12, a newer one in later ones
    maven) echo maven ;;
    go) echo golang-go ;;
    chromium) echo chromium ;;
    npm) echo npm ;;
    esac
}

needed() {
    case $1 in
    python) echo "Python $(oldest python) or newer with venv" ;;
    java) echo "Java $(oldest java) or newer" ;;
    maven) echo "Maven $(oldest maven) or newer" ;;
    go) echo "Go $(oldest go) or newer" ;;
    chromium) echo "Chromium $(oldest chromium) or newer" ;;
    npm) echo "npm $(oldest npm) or newer" ;;
    esac
}

# The version that is there, as 17 or 3.11; nothing if it is not there or does not work.
version() {
    case $1 in
    python) "$PYTHON" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' ;;
    java) java -version 2>&1 | sed -n 's/.* version "\([0-9.]*\).*/\1/p' ;;
    maven) mvn -version | sed -n 's/.*Apache Maven \([0-9]*\.[0-9]*\).*/\1/p' ;;
    go) go version | sed -n 's/.* go\([0-9]*\.[0-9]*\).*/\1/p' ;;
    chromium) "$CHROMIUM" --version | sed -n 's/.*Chrom[a-z ]* \([0-9]*\.[0-9]*\).*/\1/p' ;;
    npm) npm --version ;;
    esac 2>/dev/null </dev/null | head -n 1
}

# Whether version $1 is $2 or newer.
at_least() {
    have=$1.0 want=$2.0
    have_major=${have%%.*} want_major=${want%%.*}
    have=${have#*.} want=${want#*.}
    [ "$have_major" -gt "$want_major" ] || { [ "$have_major" -eq "$want_major" ] && [ "${have%%.*}" -ge "${want%%.*}" ]; }
}

# Says what is missing of $@, and leaves the packages in $lacking.
check() {
    lacking=
    for need; do
        oldest "$need" >/dev/null
        found=$(version "$need" || true)
        if [ -z "$found" ]; then
            echo "missing: $(needed "$need") (Debian package: $(packages "$need"))" >&2
        elif at_least "$found" "$(oldest "$need")"; then
            continue
        else
            echo "too old ($found): $(needed "$need") (Debian package: $(packages "$need"))" >&2
        fi
        lacking="$lacking $(packages "$need")"
    done
}

check "$@"
[ -n "$lacking" ] || exit 0
install="apt-get install -y --no-install-recommends$lacking"
if ! command -v apt-get >/dev/null; then
    echo "Install it with your system's package manager, then try again." >&2
    exit 1
elif [ "$(id -u)" != 0 ]; then
    echo "Install it, then try again: sudo $install" >&2
    exit 1
elif [ -t 0 ]; then
    # shellcheck disable=SC2016  # backticks as in a text, nothing to expand
    printf 'Run `%s` now? [Y/n] ' "$install" >&2
    read -r answer || exit 1
    case $answer in '' | [yY] | [yY][eE][sS]) ;; *) exit 1 ;; esac
else
    echo "installing: $install" >&2
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
$install >/dev/null </dev/null
check "$@"
[ -z "$lacking" ] || { echo "Install what is still missing, then try again." >&2 && exit 1; }
