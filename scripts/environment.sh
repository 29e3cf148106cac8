# Sourced by the other scripts: makes the environment they need, quickly when it is there already.
# usage: make_environment NAME REQUIREMENT...   (sets PYTHON_ENV to its python)
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

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
