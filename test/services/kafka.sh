#!/bin/sh
# A real Kafka broker (KRaft, one node) for tests (service.sh).
#   kafka.sh fetch                                        brings the broker's jars into the cache
#   kafka.sh start DIR PORT SECURE_PORT CONTROLLER_PORT   plain text on PORT, and TLS with SASL on SECURE_PORT where
#                                                         DIR/server.pem is there
#   kafka.sh again DIR                                    starts it once more, with its data and on its ports
#   kafka.sh stop DIR
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/service.sh"
cache=${IOVPIPE_KAFKA_CACHE:-$here/../../node_modules/.cache/iovpipe/kafka-4.1.0}

# One of several callers at once fetches, the others wait for it; what is there is complete.
fetch() {
  [ ! -d "$cache/libs" ] || return 0
  command -v java >/dev/null && command -v mvn >/dev/null || install_java
  mkdir -p "$cache"
  (
    flock 9
    [ ! -d "$cache/libs" ] || exit 0
    rm -rf "$cache/partial"
    mvn -q -B -f "$here/kafka-pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
      -DoutputDirectory="$cache/partial" >"$cache/fetch.log" 2>&1 ||
      { echo "Kafka cannot be fetched:" >&2; tail -n 5 "$cache/fetch.log" >&2; exit 69; }
    mv "$cache/partial" "$cache/libs"
  ) 9>"$cache/lock"
}

install_java() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "java (17 or later) and mvn are not installed" >&2; exit 69; }
  apt-get install -y -qq --no-install-recommends default-jre-headless maven >/dev/null 2>&1 ||
    { echo "java and mvn cannot be installed" >&2; exit 69; }
}

# Takes the place of the shell that calls it, so that its process id is the broker's.
jvm() {
  exec java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -cp "$cache/libs/*" "$@"
}

prepare() {
  port=$1 secure=$2 controller=$3
  fetch
  listeners="PLAINTEXT://127.0.0.1:$port" map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
  if [ -s "$dir/server.pem" ]; then
    listeners="$listeners,SECURE://127.0.0.1:$secure" map="$map,SECURE:SASL_SSL"
  fi
  cat >"$dir/server.properties" <<CONFIG
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=$listeners,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$listeners
listener.security.protocol.map=$map
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=200
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=2
log.cleaner.enable=false
CONFIG
  [ ! -s "$dir/server.pem" ] || cat >>"$dir/server.properties" <<CONFIG
ssl.keystore.type=PEM
ssl.keystore.location=$dir/server.pem
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_iovpipe="secret";
CONFIG
  (jvm kafka.tools.StorageTool format -t aW92cGlwZS10ZXN0LWthZg -c "$dir/server.properties") >"$dir/start.log" 2>&1 ||
    { cat "$dir/start.log" >&2; exit 1; }
}

again() {
  serve jvm kafka.Kafka "$dir/server.properties"
}

"$action" "$@"
