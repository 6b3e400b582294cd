#!/bin/sh
# Lays out iovpipe below a folder as it stands on a machine: packaging/stage.sh DESTINATION
# The program with its packages and the Node.js that compiled them, the unit, the documents, and the files that a site edits.
set -eu
destination=$1
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
[ -f dist/cli/main.js ] || { echo "stage: compile first (npm run build)" >&2; exit 2; }

lib=$destination/usr/lib/iovpipe
doc=$destination/usr/share/doc/iovpipe
etc=$destination/etc/iovpipe
mkdir -p "$lib/dist" "$destination/usr/bin" "$destination/usr/lib/systemd/system" "$doc" "$etc/secrets"

# The program. Tests and benchmarks stay at home.
tar -C dist --exclude=./test --exclude=./bench --exclude='*.map' --exclude='.tsbuildinfo' -cf - . | tar -C "$lib/dist" -xf -
mkdir -p "$lib/dashboard"
cp -R dashboard/page "$lib/dashboard/"
cp -R package.json pipeline.yaml pipeline.test.yaml peers.yaml pipelines pipeline.schema.json test.schema.json LICENSE "$lib/"

# Packages that run, as they are installed here; what they were compiled from stays behind.
npm ls --omit=dev --all --parseable 2>/dev/null | sed -n "s#^$root/##p" | sort -u |
  tar -cf - --exclude='*.map' --exclude='*.d.ts' --exclude='*.d.mts' --exclude='*.d.cts' \
    --exclude='node_modules/better-sqlite3/deps' --exclude='node_modules/better-sqlite3/src' \
    --exclude='node_modules/node-rdkafka/deps' --exclude='node_modules/node-rdkafka/src' \
    --exclude='build/Release/obj' --exclude='build/Release/obj.target' --exclude='build/Release/.deps' \
    --exclude='build/deps/*.a' --exclude='build/deps/include' --exclude='build/deps/share' --exclude='build/deps/pkgconfig' \
    --exclude='test_extension.node' -T - | tar -C "$lib" -xf -

# Its own Node.js: native packages fit the one that they were compiled for, and Debian 12 has none that is new enough.
cp -L "$(command -v "${NODE:-node}")" "$lib/node"
cat >"$destination/usr/bin/iovpipe" <<'SCRIPT'
#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib/iovpipe
exec "$lib/node" "$lib/dist/cli/main.js" "$@"
SCRIPT
chmod 0755 "$destination/usr/bin/iovpipe" "$lib/node"

cp packaging/systemd/iovpipe.service "$destination/usr/lib/systemd/system/"
# The documents as they stand in a clone, so that their links lead somewhere.
mkdir -p "$doc/packaging"
cp -R docs CHANGELOG.md CONTRIBUTING.md README.md README.zh-CN.md "$doc/"
cp -R packaging/grafana packaging/prometheus packaging/compose.yaml "$doc/packaging/"
for name in pipelines pipeline.yaml pipeline.test.yaml peers.yaml pipeline.schema.json test.schema.json; do
  ln -s "../../../lib/iovpipe/$name" "$doc/$name"
done
cp LICENSE "$doc/copyright"
mkdir -p "$destination/usr/share/man/man1"
gzip -9nc packaging/man/iovpipe.1 >"$destination/usr/share/man/man1/iovpipe.1.gz"
completion() {
  mkdir -p "$destination/usr/share/$2"
  "$destination/usr/bin/iovpipe" completion "$1" >"$destination/usr/share/$2/$3"
}
completion bash bash-completion/completions iovpipe
completion zsh zsh/vendor-completions _iovpipe
completion fish fish/vendor_completions.d iovpipe.fish

# What a site edits: the shipped file, with everything that is written below /var/lib/iovpipe.
state=/var/lib/iovpipe
sed -E -e "s#([[ \"])var/#\\1$state/#g" \
  -e "s#path: cards\\.ndjson#path: $state/cards.ndjson#" \
  -e "s#([[ \"])(photos|contracts)([],/])#\\1$state/\\2\\3#g" \
  -e 's#\$schema=\./#$schema=/usr/lib/iovpipe/#' pipeline.yaml >"$etc/pipeline.yaml"
cp peers.yaml "$etc/"

# The same whoever builds it, whatever their umask.
find "$destination" -type d -exec chmod 0755 {} +
find "$destination" -type f ! -perm -u+x -exec chmod 0644 {} +
chmod 0640 "$etc/pipeline.yaml" "$etc/peers.yaml"
chmod 0750 "$etc"
chmod 0700 "$etc/secrets"
