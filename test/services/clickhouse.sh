#!/bin/sh
# A real ClickHouse server for tests, apart from any server of the system (service.sh).
#   clickhouse.sh start DIR HTTP_PORT TCP_PORT [MEGABYTES]
#                               users `default` (all) and `reader` (readonly), without passwords; with MEGABYTES its data is on
#                               a disk of that size, which only root can make
#   clickhouse.sh again DIR     starts it once more, with its data and on its ports
#   clickhouse.sh stop DIR
. "$(dirname -- "$0")/service.sh"
server=$(command -v clickhouse-server || echo /usr/sbin/clickhouse-server)

prepare() {
  http=$1 tcp=$2 megabytes=${3:-}
  mkdir -p "$dir/data"
  [ -z "$megabytes" ] || mount -t tmpfs -o "size=${megabytes}m" tmpfs "$dir/data"
  [ -x "$server" ] || install clickhouse-server
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
}

again() {
  serve "$server" --config-file="$dir/config.xml"
}

"$action" "$@"
