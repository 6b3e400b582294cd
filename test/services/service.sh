# Of the scripts in this folder, which source it: SCRIPT start DIR …, again DIR, stop DIR. Each says how its server is made
# (`prepare …`) and started (`again`). The server is on the loopback address only and has everything in DIR, its process id in
# DIR/server.pid and what it prints in DIR/start.log; it is up a while after `start` returns, and ends, and DIR with it, with
# who called that.
set -eu
action=$1 dir=${2:-}
shift
[ $# = 0 ] || shift

# Installs a package without letting apt start a service of the system.
install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "$1 is not installed" >&2; exit 69; }
  policy=/usr/sbin/policy-rc.d made=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; }
  status=0
  apt-get install -y -qq --no-install-recommends "$1" >"$dir/apt.log" 2>&1 || status=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$status" = 0 ] || { echo "$1 cannot be installed:" >&2; tail -n 5 "$dir/apt.log" >&2; exit 69; }
}

start() {
  mkdir -p "$dir"
  : >"$dir/start.log"
  prepare "$@"
  again
  # In a subshell: redirecting a function, sh keeps the caller's pipe open, and who reads it waits for ever.
  (watch "$PPID") >/dev/null 2>&1 </dev/null &
}

# Runs the server's own command line.
serve() {
  "$@" >>"$dir/start.log" 2>&1 </dev/null &
  echo $! >"$dir/server.pid"
}

# Ends the server when the process that asked for it has gone, however it went.
watch() {
  while kill -0 "$1" 2>/dev/null && [ -d "$dir" ]; do sleep 1; done
  [ -d "$dir" ] || return 0
  stop
  rm -rf "$dir"
}

# Nothing of a test's data is worth an orderly end.
stop() {
  [ ! -s "$dir/server.pid" ] || kill -KILL "$(cat "$dir/server.pid")" 2>/dev/null || true
  ! mountpoint -q "$dir/data" || umount -l "$dir/data"
}
