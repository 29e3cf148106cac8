# Sourced by the other scripts: makes the environment they need, quickly when it is there already, and runs pytest in it.
# usage: make_environment NAME REQUIREMENT...   (sets PYTHON_ENV to its python)
#        run_pytest ARGUMENT...                 (with PYTHON_ENV)
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
#: The versions of Python that simmanager supports.
PYTHON_VERSIONS="3.11 3.12 3.13"

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "simmanager needs Python 3.11 or newer; set PYTHON to one." >&2
    exit 2
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# Print the path of a Python of this version (such as 3.12), from PATH or pyenv; fail if there is none.
find_version() {
    local candidate folder
    for folder in "" "${PYENV_ROOT:-}" "$HOME/.pyenv"; do
        if [ -z "$folder" ]; then
            candidate=$(command -v "python$1" || true)
        else # the newest of the third numbers
            candidate=$(ls -d "$folder/versions/$1".*/bin/python 2>/dev/null | sort -V | tail -n 1 || true)
        fi
        if [ -n "$candidate" ] && [ "$(version_of "$candidate")" = "$1" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

make_environment() {
    local name=$1 folder stamp wanted
    shift
    folder="$ROOT/.envs/$name"
    stamp="$folder/made-from"
    wanted=$(printf '%s\n' "$@" | cat - "$ROOT/pyproject.toml" | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "making the environment .envs/$name (once)" >&2
        rm -rf "$folder"
        "$(find_python)" -m venv "$folder"
        (cd "$ROOT" && "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@") 1>&2
        printf '%s\n' "$wanted" >"$stamp"
    fi
    PYTHON_ENV="$folder/bin/python"
}

# Run pytest on the cores there are. Not where the arguments settle it, and not for a single file: it costs a second or two.
run_pytest() {
    local word files=0 workers=(-n auto --maxprocesses 8 --dist worksteal)
    for word in "$@"; do
        case $word in
            -n | -n[0-9]* | --numprocesses* | no:xdist | -pno:xdist | --pdb | --trace) workers=() ;;
        esac
        if [ -f "${word%%::*}" ]; then files=$((files + 1)); fi
    done
    if [ "$files" = 1 ]; then workers=(); fi
    "$PYTHON_ENV" -m pytest ${workers[@]+"${workers[@]}"} "$@"
}
