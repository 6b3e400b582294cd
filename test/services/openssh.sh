#!/bin/sh
# A real OpenSSH server for tests: loopback only, its own keys and configuration in DIR, apart from any sshd of the system.
#   openssh.sh start DIR PORT [read-only|plain-rename]
#                                           makes DIR/{host_key,user_key,upload,sshd.log,sshd.pid}, returns once it listens;
#                                           it ends with the process that called this; with plain-rename it replaces no file
#   openssh.sh stop DIR
set -eu
action=$1 dir=$2
sshd=$(command -v sshd || echo /usr/sbin/sshd)

# Installs the program without letting apt start a service of the system on port 22.
install_sshd() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "openssh-server is not installed" >&2; exit 69; }
  policy=/usr/sbin/policy-rc.d made=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; }
  status=0
  apt-get install -y openssh-server >"$dir/apt.log" 2>&1 || status=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$status" = 0 ] || { echo "openssh-server cannot be installed:" >&2; tail -n 5 "$dir/apt.log" >&2; exit 69; }
}

start() {
  port=$1
  case ${2:-} in read-only) flags=-R ;; plain-rename) flags='-P posix-rename@openssh.com,posix-rename' ;; *) flags= ;; esac
  [ -x "$sshd" ] || install_sshd
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd # where it drops its privileges
  mkdir -p "$dir/upload"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/user_key"
  cat >"$dir/sshd_config" <<CONFIG
ListenAddress 127.0.0.1:$port
HostKey $dir/host_key
PidFile $dir/sshd.pid
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
  "$sshd" -f "$dir/sshd_config" -E "$dir/sshd.log"
  for _ in $(seq 100); do
    if [ -s "$dir/sshd.pid" ]; then
      # In a subshell: redirecting a function, sh keeps the caller's pipe open, and who reads it waits for ever.
      (watch "$PPID" "$(cat "$dir/sshd.pid")") >/dev/null 2>&1 </dev/null &
      return
    fi
    sleep 0.05
  done
  echo "sshd did not start:" >&2
  cat "$dir/sshd.log" >&2
  exit 1
}

# Ends the server when the process that asked for it has gone, however it went.
watch() {
  while kill -0 "$1" 2>/dev/null && kill -0 "$2" 2>/dev/null; do sleep 1; done
  kill "$2" 2>/dev/null || true
}

stop() {
  [ -s "$dir/sshd.pid" ] || return 0
  pid=$(cat "$dir/sshd.pid")
  kill "$pid" 2>/dev/null || true
}

shift 2
"$action" "$@"
