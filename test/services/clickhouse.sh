#!/bin/sh
# A real ClickHouse server for tests: loopback only, its data in DIR, apart from any server of the system.
#   clickhouse.sh start DIR HTTP_PORT TCP_PORT [MEGABYTES]
#                               makes DIR/{data,server.log,server.pid}; answers a while after this returns; users `default` (all)
#                               and `reader` (readonly), without passwords; with MEGABYTES its data is on a disk of that size,
#                               which only root can make; ends, and DIR with it, with who called this
#   clickhouse.sh again DIR     starts it once more, with its data and on its ports
#   clickhouse.sh stop DIR
set -eu
action=$1 dir=${2:-}
server=$(command -v clickhouse-server || echo /usr/sbin/clickhouse-server)

# Installs the program without letting apt start a service of the system.
install_server() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "clickhouse-server is not installed" >&2; exit 69; }
  policy=/usr/sbin/policy-rc.d made=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; }
  status=0
  apt-get install -y -qq --no-install-recommends clickhouse-server >"$dir/apt.log" 2>&1 || status=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$status" = 0 ] || { echo "clickhouse-server cannot be installed:" >&2; tail -n 5 "$dir/apt.log" >&2; exit 69; }
}

start() {
  http=$1 tcp=$2 megabytes=${3:-}
  mkdir -p "$dir/data"
  [ -z "$megabytes" ] || mount -t tmpfs -o "size=${megabytes}m" tmpfs "$dir/data"
  [ -x "$server" ] || install_server
  cat >"$dir/config.xml" <<CONFIG
<yandex>
  <logger><level>warning</level><log>$dir/server.log</log><errorlog>$dir/error.log</errorlog></logger>
  <http_port>$http</http_port><tcp_port>$tcp</tcp_port><listen_host>127.0.0.1</listen_host>
  <path>$dir/data/</path><tmp_path>$dir/data/tmp/</tmp_path><user_files_path>$dir/data/files/</user_files_path>
  <format_schema_path>$dir/data/schemas/</format_schema_path>
  <users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>
CONFIG
  cat >"$dir/users.xml" <<CONFIG
<yandex>
  <profiles><default><max_memory_usage>4000000000</max_memory_usage></default><reading><readonly>1</readonly></reading></profiles>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    <reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>reading</profile><quota>default</quota></reader>
  </users>
  <quotas><default/></quotas>
</yandex>
CONFIG
  again
  # In a subshell: redirecting a function, sh keeps the caller's pipe open, and who reads it waits for ever.
  (watch "$PPID") >/dev/null 2>&1 </dev/null &
}

again() {
  "$server" --config-file="$dir/config.xml" >"$dir/start.log" 2>&1 </dev/null &
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
  [ -s "$dir/server.pid" ] || return 0
  kill -KILL "$(cat "$dir/server.pid")" 2>/dev/null || true
  ! mountpoint -q "$dir/data" || umount -l "$dir/data"
}

shift
[ $# = 0 ] || shift
"$action" "$@"
