#!/bin/bash
# engine: the behaviour engine against ClickHouse's engine and DuckDB; installs and builds what that needs. README.md beside
# this file says what the figures mean.
#   bench/engine.sh [--events N] [--only NAME,…] [--figures FILE] …      --help: all of them
set -eu
cd "$(dirname "$0")/.."
tools/install.sh bench
tools/build.sh release liuke bench/generate bench/engine_parts
exec tools/node.sh bench/engine/run.mjs "$@"
