#!/bin/sh
# What is public, who asked, what left, from your own connector: sh status.sh [HOME] [ADDRESS]
set -eu
home="${1:-${MADANG_HOME:-$HOME/madang}}"
curl -fsS -H "x-api-key: $(cat "$home/management.key")" "${2:-http://127.0.0.1:9191}/manage/status"
