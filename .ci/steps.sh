# shellcheck shell=bash
# What the steps of .ci/run do. Each function runs in a shell of its own, at the checkout's root, under `set -euo pipefail`.

# What the tests call that pip does not bring: a browser and its driver, HTTP clients, certificates, a proxy, Node.js, Redis,
# PostgreSQL.
packages() {
    local missing=() pair
    for pair in chromium:chromium chromedriver:chromium-driver curl:curl openssl:openssl h2load:nghttp2-client \
        fish:fish zsh:zsh nginx:nginx-light node:nodejs npm:npm redis-server:redis-server pg_ctlcluster:postgresql; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [[ -e /usr/lib/apache2/modules/mod_wsgi.so ]] || missing+=(libapache2-mod-wsgi-py3)
    # A Python of the distribution comes without venv unless it is asked for.
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    if ((${#missing[@]} == 0)); then
        echo 'nothing to install'
        return
    fi
    echo "installing ${missing[*]}"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The interpreter of a version: pyenv's newest of it, else one on PATH. Prints nothing where there is none.
interpreter() {
    local found
    found="$(find "${PYENV_ROOT:-$HOME/.pyenv}/versions" /root/.pyenv/versions -maxdepth 1 -name "$1.*" 2>/dev/null | sort -V | tail -n 1 || true)"
    if [[ -x "$found/bin/python3" ]]; then
        echo "$found/bin/python3"
    elif command -v "python$1" >/dev/null && "python$1" -c '' 2>/dev/null; then
        command -v "python$1"
    elif python3 -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')"; then
        command -v python3
    fi
}

# environment VERSION EXTRA: the virtual environment .ci/venv-VERSION with Hinge, editable, and the extra.
environment() {
    local python venv=".ci/venv-$1"
    python="$(interpreter "$1")"
    if [[ -z "$python" ]]; then
        echo "no Python $1 here: neither under pyenv nor on PATH" >&2
        return 1
    fi
    # A base that pyenv removed or replaced leaves a broken environment behind: begin anew.
    "$venv/bin/python" -c '' 2>/dev/null || rm -rf "$venv"
    [[ -d "$venv" ]] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install -e ".[$2]"
    "$venv/bin/python" --version
}

# readme_line END: the line of README.md that sets up an environment and ends like that, just as a reader would paste it.
readme_line() {
    local line
    line="$(grep -m 1 -E "^python3 -m venv .*$1\$" README.md || true)"
    if [[ -z "$line" ]]; then
        echo "README.md has no line that starts with 'python3 -m venv' and ends with '$1'" >&2
        return 1
    fi
    echo "$line"
}

# The reader has Python >= 3.11 as python3; this machine's may be older.
readers_python() {
    local python
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    python="$(interpreter 3.11)"
    PATH="$(dirname "${python:?no Python 3.11 here}"):$PATH"
}

# README.md's line that sets up and passes the tests.
readme_tests() {
    local line
    line="$(readme_line ' -m pytest -n auto')"
    readers_python
    echo "\$ $line"
    local code=0
    bash -euc "$line" || code=$?
    second_try "$code" .venv/bin/python -m pytest
}

# What README.md's line leaves to the gate, in its environment and what that lacks; the benchmark's guard has a step of
# its own.
left_out() {
    .venv/bin/python -m pip install -e '.[gate]'
    local code=0 run=(.venv/bin/python -m pytest -n auto -o cache_dir=.ci/cache-left-out -m 'gate and not upstream'
        --ignore=tests/benchmarks)
    "${run[@]}" || code=$?
    second_try "$code" "${run[@]}"
}

# second_try CODE PYTEST...: return CODE, what the command of pytest came to; where that is 1, tests that failed, run those
# once more. The runs beside this one are mostly done by then: a deadline missed for lack of a core is met, and what is
# broken fails again. The gate's closing part names each (.ci/run).
second_try() {
    local code="$1"
    shift
    ((code == 1)) || return "$code"
    echo 'second try: the tests that failed, once more'
    "$@" --last-failed --last-failed-no-failures=none --maxfail=3
}

# README.md's line that sets up and runs the main example: it keeps a post and shows it.
readme_example() {
    local line port work server url
    line="$(readme_line 'hinge run examples/board/app.py')"
    readers_python
    work="$(mktemp -d)"
    port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    url="http://127.0.0.1:$port"
    echo "\$ $line"
    HINGE_PORT="$port" BOARD_DB="$work/board.db" setsid bash -euc "$line" &
    server=$!
    # shellcheck disable=SC2064
    trap "kill -TERM -$server 2>/dev/null || true; wait $server || true; rm -rf '$work'" EXIT
    until curl -fs -o /dev/null "$url/"; do
        kill -0 "$server"
        sleep 0.2
    done
    curl -fsS -o /dev/null -w 'POST: %{http_code}\n' --json '{"author": "gate", "text": "kept"}' "$url/api/posts"
    curl -fsS "$url/api/posts" | grep -F '"kept"'
}

lint() {
    .ci/venv-3.11/bin/ruff check .
    .ci/venv-3.11/bin/ruff format --check .
    bash -n .ci/run .ci/steps.sh
}

# Both, always: each finds what the other does not.
types() {
    side_by_side by_mypy by_pyright
}

by_mypy() {
    .ci/venv-3.11/bin/mypy
}

by_pyright() {
    .ci/venv-3.11/bin/pyright --pythonpath .ci/venv-3.11/bin/python
}

# suite_on VERSION OPTIONS: the in-process suite on another Python; what is no Python's business once is enough.
suite_on() {
    environment "$1" test
    # shellcheck disable=SC2206
    local code=0 run=(".ci/venv-$1/bin/python" $2 -m pytest -q -o "cache_dir=.ci/cache-$1" -n auto -m 'not server and not browser'
        --ignore=tests/benchmarks --ignore=tests/docs --ignore=tests/conformance)
    "${run[@]}" || code=$?
    second_try "$code" "${run[@]}"
}

# Asserts of the package code would vanish here; those of test modules are rewritten by pytest and stay.
python_3_12_optimised() {
    suite_on 3.12 -O
}

python_3_13() {
    suite_on 3.13 ''
}

# The newest Python under Granian as well: what becomes of threads, signals and exit handlers changes between versions.
servers_3_13() {
    environment 3.13 test
    local code=0 run=(.ci/venv-3.13/bin/python -m pytest -q -o cache_dir=.ci/cache-servers -n auto -m 'server and not browser and (gate or not gate)'
        -k 'granian or test_run or test_soak or test_served' tests/servers tests/examples)
    "${run[@]}" || code=$?
    second_try "$code" "${run[@]}"
}

# Every real server runs on the README's Python; on the newest the one that Hinge starts itself, in between none.
other_pythons() {
    local name code=0
    for name in python_3_12_optimised python_3_13 servers_3_13; do
        # Behind `||` the shell would not obey `set -e` within; a job does.
        (set -euo pipefail; "$name") &
        wait "$!" || code=$?
    done
    return "$code"
}

# side_by_side FUNCTION...: functions at once, the output of each after the one before; fails if one of them does.
side_by_side() {
    local logs name code=0
    local -A jobs=()
    logs="$(mktemp -d)"
    # shellcheck disable=SC2064
    trap "rm -rf '$logs'" EXIT
    for name in "$@"; do
        (set -euo pipefail; "$name") >"$logs/$name" 2>&1 &
        jobs[$name]=$!
    done
    for name in "$@"; do
        wait "${jobs[$name]}" || code=$?
        cat "$logs/$name"
    done
    return "$code"
}

# What the items example's OpenAPI document says, by tools that know nothing but the document, on both backends.
document() {
    side_by_side requests_of_the_document typescript_clients
}

# with_items BACKEND COMMAND...: run the command, with the URL of the items example behind its arguments.
with_items() {
    local backend="$1" port server code=0
    shift
    port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    .ci/venv-3.11/bin/hinge run examples/items.py --backend "$backend" --port "$port" &
    server=$!
    # Callers look at the code, so `set -e` is off in here.
    until curl -fs --max-time 5 -o /dev/null "http://127.0.0.1:$port/openapi.json"; do
        if ! kill -0 "$server" 2>/dev/null; then
            wait "$server" || code=$?
            echo "with_items: the $backend server did not start (exit code $code)" >&2
            return 1
        fi
        sleep 0.2
    done
    "$@" "http://127.0.0.1:$port" || code=1
    kill -TERM "$server"
    wait "$server"
    return "$code"
}

# Every request that the document allows, and many that it does not. The tool has an environment of its own: it would come
# into every run of pytest as a plugin.
requests_of_the_document() {
    local venv=.ci/venv-schemathesis backend code=0
    "$venv/bin/schemathesis" --version >/dev/null 2>&1 || {
        "$(interpreter 3.11)" -m venv "$venv"
        "$venv/bin/python" -m pip install 'schemathesis>=4,<5'
    }
    for backend in wsgi asgi; do
        with_items "$backend" all_checks "$venv/bin/schemathesis" || code=1
    done
    return "$code"
}

all_checks() {
    "$1" run --no-color --checks all --max-examples 20 "$2/openapi.json"
}

# Clients that stock generators write from the document compile, and work (tests/typescript).
typescript_clients() {
    local work=build/typescript backend code=0
    mkdir -p "$work"
    cp tests/typescript/* "$work/"
    .ci/venv-3.11/bin/hinge openapi examples/items.py >"$work/openapi.json"
    npm --prefix "$work" ci --no-audit --no-fund --loglevel=error
    npm --prefix "$work" run --silent generate
    npm --prefix "$work" run --silent build
    for backend in wsgi asgi; do
        with_items "$backend" node "$work/built/with_sdk.js" || code=1
        with_items "$backend" node "$work/built/with_schema.js" || code=1
        echo "TypeScript clients, $backend: exit code $code"
    done
    return "$code"
}

# The wheel and the sdist hold what they should, and the wheel serves both protocols from an environment of its own.
package() {
    local work
    work="$(mktemp -d)"
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    .ci/venv-3.11/bin/python -m build --outdir "$work/dist" .
    .ci/venv-3.11/bin/python .ci/contents.py "$work/dist"
    .ci/venv-3.11/bin/python -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install "$work"/dist/*.whl
    cp .ci/smoke.py examples/hello.py "$work/"
    cd "$work"
    "$work/venv/bin/python" -I smoke.py
    # The kit is in the wheel, and its asserts hold where Python removes others.
    "$work/venv/bin/python" -m pip install 'pytest>=8.3'
    "$work/venv/bin/python" -I -O -m pytest -q -W ignore -p no:cacheprovider --pyargs hinge.conformance.test_results
}

# What the newest releases of others do, against what was seen before: what has changed is printed as news, and closes
# nothing (tests/upstream).
upstream() {
    .ci/venv-3.11/bin/python -m pip install --upgrade --upgrade-strategy eager -e '.[gate]'
    local code=0 run=(.ci/venv-3.11/bin/python -m pytest -q -o cache_dir=.ci/cache-upstream -m upstream tests/upstream)
    "${run[@]}" || code=$?
    second_try "$code" "${run[@]}"
}

# The site builds, and every link and anchor in it leads somewhere.
docs() {
    DISABLE_MKDOCS_2_WARNING=true .ci/venv-3.11/bin/mkdocs build --strict -f docs/mkdocs.yml -d "$PWD/build/site"
    echo 'the site builds'
}

# Costs in process against hand-written callables: the bounds are in the benchmark's own test.
benchmark() {
    local code=0 run=(.ci/venv-3.11/bin/python -m pytest -q -o cache_dir=.ci/cache-benchmark -m gate tests/benchmarks)
    "${run[@]}" || code=$?
    second_try "$code" "${run[@]}"
}

# The backends that are no part of Hinge, from an environment that has them beside Hinge: the kit and their own tests.
outside() {
    local venv="$PWD/.ci/venv-outside"
    "$venv/bin/python" -c '' 2>/dev/null || rm -rf "$venv"
    [[ -d "$venv" ]] || "$(interpreter 3.11)" -m venv "$venv"
    # Their own packages are built as users get them; Hinge is editable, so that a second run sees the checkout.
    # In two steps: in one, pip 23.2 does not take what an editable install with extras brings for what the others need.
    "$venv/bin/python" -m pip install -e '.[forms,yaml,sessions]'
    "$venv/bin/python" -m pip install ./backends/hinge_rsgi ./backends/hinge_lambda \
        'mangum==0.22.0' 'apig-wsgi==2.20.0' 'pytest>=8.3' 'pytest-rerunfailures>=15' 'httpx>=0.27' 'h2>=4.1' 'websockets>=14'
    side_by_side rsgi_kit rsgi_tests lambda_kit
    lambda_tests # what it measures, it measures alone
}

outside_kit() {
    local venv="$PWD/.ci/venv-outside"
    (cd / && "$venv/bin/python" -m pytest -q -p no:cacheprovider --pyargs hinge.conformance --backend "$1")
}

rsgi_kit() {
    outside_kit rsgi
}

lambda_kit() {
    outside_kit lambda
}

rsgi_tests() {
    .ci/venv-outside/bin/python -m pytest -q -m 'gate or not gate' tests/rsgi
    .ci/venv-outside/bin/python -m pytest -q -m 'gate or not gate' -k granian-rsgi \
        tests/servers/test_http.py tests/servers/test_streams.py tests/servers/test_h2.py tests/servers/test_lifespan_servers.py
}

lambda_tests() {
    .ci/venv-outside/bin/python -m pytest -q -m 'gate or not gate' tests/lambda
}
