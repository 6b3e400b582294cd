#!/bin/sh
# A real OpenSSH server for tests: its own keys and configuration, apart from any sshd of the system (service.sh).
#   openssh.sh start DIR PORT [read-only|plain-rename]   makes DIR/{host_key,user_key,upload}; with plain-rename it replaces
#                                                        no file
#   openssh.sh stop DIR
. "$(dirname -- "$0")/service.sh"
sshd=$(command -v sshd || echo /usr/sbin/sshd)

prepare() {
  port=$1
  case ${2:-} in read-only) flags=-R ;; plain-rename) flags='-P posix-rename@openssh.com,posix-rename' ;; *) flags= ;; esac
  [ -x "$sshd" ] || install openssh-server
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd # where it drops its privileges
  mkdir -p "$dir/upload"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/user_key"
  cat >"$dir/sshd_config" <<CONFIG
ListenAddress 127.0.0.1:$port
HostKey $dir/host_key
PidFile none
AuthorizedKeysFile $dir/user_key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
MaxStartups 500
MaxSessions 500
LogLevel VERBOSE
Subsystem sftp internal-sftp
ForceCommand internal-sftp${flags:+ $flags}
CONFIG
}

again() {
  serve "$sshd" -D -e -f "$dir/sshd_config"
}

"$action" "$@"
