#!/bin/sh
# Installs from a compiled clone on a machine without dpkg: sudo packaging/systemd/install.sh
# Run again it upgrades; files of the site are kept. DESTDIR installs below another root, and leaves user and systemd alone.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

sh "$root/packaging/stage.sh" "$stage"
for file in pipeline.yaml peers.yaml; do
  if [ -e "${DESTDIR:-}/etc/iovpipe/$file" ]; then
    echo "kept: ${DESTDIR:-}/etc/iovpipe/$file"
    rm "$stage/etc/iovpipe/$file"
  fi
done
before=$([ -d "${DESTDIR:-}/usr/lib/iovpipe" ] && echo before || true)
rm -rf "${DESTDIR:-}/usr/lib/iovpipe"
(cd "$stage" && tar --owner=0 --group=0 -cf - usr etc) | tar --no-same-owner --no-overwrite-dir -C "${DESTDIR:-/}" -xf -
[ -n "${DESTDIR:-}" ] || sh "$root/packaging/deb/postinst" configure "$before"
