#!/bin/sh
# Builds the Debian package from a compiled tree: packaging/deb/build.sh [FOLDER]
# FOLDER (dist) receives iovpipe_VERSION_ARCHITECTURE.deb, whose path is printed. COMPRESSION: xz (default), gzip, none.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(cd "${1:-$root/dist}" && pwd)
version=$(node -p "require('$root/package.json').version")
architecture=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

sh "$root/packaging/stage.sh" "$stage"
# what librdkafka is linked with, where it has been compiled
kafka=
[ ! -e "$stage/usr/lib/iovpipe/node_modules/node-rdkafka/build/Release/node-librdkafka.node" ] || kafka=', libssl3, zlib1g'
mkdir "$stage/DEBIAN"
for script in postinst prerm postrm; do install -m 0755 "$root/packaging/deb/$script" "$stage/DEBIAN/$script"; done
printf '%s\n' /etc/iovpipe/pipeline.yaml /etc/iovpipe/peers.yaml >"$stage/DEBIAN/conffiles"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: iovpipe
Version: $version
Architecture: $architecture
Maintainer: iovpipe maintainers <iovpipe@localhost>
Section: net
Priority: optional
Installed-Size: $(du -sk "$stage" | cut -f1)
Depends: passwd, libc6, libgcc-s1, libstdc++6$kafka
Recommends: systemd
Description: stream processing for the real-name registration of IoV SIM cards
 Carries registrations from car makers through telecom operators to the regulator's
 platform, as MIIT notice 2022-35 prescribes: one pipeline.yaml, everything encrypted,
 on time, nothing lost, nothing twice. Brings its own Node.js.
CONTROL
package=$folder/iovpipe_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${COMPRESSION:-xz}" --build "$stage" "$package" >&2
echo "$package"
