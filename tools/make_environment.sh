#!/bin/sh
# Makes the environment DIRECTORY with PYTHON, or keeps the one there is. One that is unusable, since a
# wrong Python or an interrupt left it behind, is made anew; nothing half-made is left after a failure.
#   tools/make_environment.sh DIRECTORY PYTHON
set -eu
directory=$1 python=$2

# Whether an interpreter is recent enough; the version that pyproject.toml asks for.
is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -e "$directory" ]; then
	if is_recent "$directory/bin/python" && "$directory/bin/python" -m pip --version >/dev/null 2>&1; then
		exit 0
	fi
	# Nothing but an environment of Python is ever removed.
	[ -e "$directory/pyvenv.cfg" ] || {
		echo "$directory is in the way and is no environment of Python: choose another by VENV=DIRECTORY" >&2
		exit 1
	}
	echo "$directory cannot be used, and is made anew." >&2
	rm -rf "$directory"
fi
if ! is_recent "$python"; then
	found=$("$python" --version 2>&1) || found="no Python at all"
	echo "paltabrain-fast needs Python 3.11 or later, and $python is $found." >&2
	echo "Choose one by its name or path, as in: make demo PYTHON=python3.12" >&2
	exit 1
fi
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM HUP
"$python" -m venv "$directory" || {
	echo "$python cannot make an environment; on Debian and Ubuntu, \`apt install python3-venv\` lets it." >&2
	exit 1
}
trap - EXIT
