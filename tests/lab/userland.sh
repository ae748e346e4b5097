#!/usr/bin/env bash
# Runs a command on a clone of this checkout in the userland of JetPack 6 (Ubuntu jammy) or JetPack 7 (Ubuntu noble).
# The clone has what is committed. Needs root; nothing that it mounts or starts outlives it, however it ends.
set -euo pipefail
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

PYTEST=(python -m pytest -p no:cacheprovider)
BARE=(python3 ca-certificates)
FURNITURE=(python3-venv python3-systemd mosquitto mosquitto-clients shellcheck systemd dbus openssl git procps poppler-utils)
# What this machine knows about its package indexes, which a root of its own has to know too.
CARRIED=(/etc/ssl/certs/ca-certificates.crt /etc/resolv.conf /etc/hosts /etc/pip.conf /root/.config/pip/pip.conf)
CARRIED_VARIABLES='^(PIP|SSL|REQUESTS|HTTPS?|https?|NO|no)_[A-Za-z_]+='

usage() {
  cat <<'TEXT'
tests/lab/userland.sh jammy|noble [--bare] [--out DIR] [COMMAND...]
  runs COMMAND (default: pytest on what tests no browser and boots no machine) on a clone of this checkout, in /src
  --bare     Ubuntu with python3 alone, for ./run; without it Mosquitto and the like are there, and `python` is that
             of a venv over the system's own python3, with the locked packages of requirements/dev.txt
  --out DIR  a folder of this machine that COMMAND finds as /out
COMMUNE_UBUNTU_ARCHIVE  address of an Ubuntu archive (http://…/ubuntu); needed to make the roots, once
COMMUNE_LAB             where the roots are kept (/var/cache/commune-lab)
Exit code: COMMAND's; 77 where no root can be made or used here, with the reason.
TEXT
}

say() { printf 'userland: %s\n' "$*" >&2; }
cannot() { say "$1"; exit 77; }

# The second half, in namespaces of its own, as their process 1, which reaps whatever a test orphans: mounts the overlay
# of LOWER and what WORK takes, and runs a command in it.
inside() { # inside LOWER WORK OUT SOURCE COMMAND...
  local lower=$1 work=$2 out=$3 source=$4 root=$2/root file
  shift 4
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$root"
  for file in "${CARRIED[@]}"; do
    [ ! -e "$file" ] || install -D -m 644 "$file" "$root$file"
  done
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  [ -z "$out" ] || { mkdir -p "$root/out" && mount --bind "$out" "$root/out"; }
  [ -z "${COMMUNE_REAL:-}" ] || { mkdir -p "$root/real" && mount --bind -o ro "$COMMUNE_REAL" "$root/real"; }
  [ -z "$source" ] || git -c advice.detachedHead=false clone -q "$source" "$root/src"
  mkdir -p "$root/src"
  mapfile -t variables < <(env | grep -E "$CARRIED_VARIABLES" || true)
  [ -z "${COMMUNE_REAL:-}" ] || variables+=(COMMUNE_REAL=/real)
  chroot "$root" /usr/bin/env -i "${variables[@]}" HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
    PATH=/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'cd /src && exec "$@"' sh "$@"
}

# enter LOWER WORK OUT SOURCE COMMAND...: all that it starts and mounts is gone when it ends or this script is killed.
enter() {
  mkdir -p "$2"/{upper,work,root}
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child "$self" --inside "$@" </dev/null
}

make_bare() {
  [ -n "${COMMUNE_UBUNTU_ARCHIVE:-}" ] ||
    cannot "no Ubuntu here: set COMMUNE_UBUNTU_ARCHIVE to the address of an Ubuntu archive that this machine reaches"
  say "making a bare Ubuntu $suite in $home (once)"
  local scripts=/usr/share/debootstrap keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg check=()
  if [ ! -e "$scripts/scripts/$suite" ]; then # a debootstrap that is older than this Ubuntu; all of them are made alike
    cp -a "$scripts" "$home/debootstrap.new"
    ln -s gutsy "$home/debootstrap.new/scripts/$suite"
    scripts=$home/debootstrap.new
  fi
  [ -e "$keyring" ] || { check=(--no-check-gpg) && say "the archive's signature is not checked: no $keyring here"; }
  DEBOOTSTRAP_DIR=$scripts debootstrap "${check[@]}" --variant=minbase --components=main,universe \
    --include="$(IFS=,; echo "${BARE[*]}")" "$suite" "$home/bare.new" "$COMMUNE_UBUNTU_ARCHIVE" >"$log" 2>&1 ||
    { tail -n 3 "$log" >&2; cannot "no Ubuntu $suite could be had from $COMMUNE_UBUNTU_ARCHIVE; all of it: $log"; }
}

make_furnished() {
  say "installing Mosquitto and the locked Python packages into Ubuntu $suite (once)"
  # shellcheck disable=SC2016 # these are the inner shell's
  enter "$home/bare" "$home/furnished.new" "" "$source" sh -euc '
    printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d # no service starts in here
    chmod 755 /usr/sbin/policy-rc.d
    apt-get update -q
    apt-get install -y -q --no-install-recommends "$@"
    python3 -m venv --system-site-packages /venv
    pip install -q --ignore-installed --require-hashes -r requirements/dev.txt -r requirements/build.txt
    rm -rf /src /var/cache/apt/archives/*.deb
  ' sh "${FURNITURE[@]}" >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; cannot "Ubuntu $suite could not be furnished; all of it: $log"; }
}

# part NAME KEY MAKE: whether that part of the root is there and of this recipe.
whole() { [ "$(cat "$home/$1.made" 2>/dev/null)" = "$2" ]; }
part() {
  ! whole "$1" "$2" || return 0
  rm -rf "${home:?}/$1" "$home/$1.made" "$home/$1.new" "$home/debootstrap.new"
  "$3"
  mv "$home/$1.new" "$home/$1"
  printf '%s' "$2" >"$home/$1.made"
}

main() {
  suite=${1:-}
  case $suite in jammy | noble) shift ;; *) usage; exit 2 ;; esac
  bare='' out=''
  while :; do
    case ${1:-} in
      --bare) bare=1; shift ;;
      --out) mkdir -p "$2"; out=$(cd "$2" && pwd); shift 2 ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || set -- "${PYTEST[@]}" tests/unit tests/contract tests/walls tests/faults tests/process

  [ "$(id -u)" = 0 ] || cannot "needs root: run it with sudo"
  for program in debootstrap git unshare setpriv flock; do
    command -v "$program" >/dev/null || cannot "needs $program; apt-get install debootstrap git util-linux"
  done
  self=$(readlink -f "$0")
  checkout=$(cd "$(dirname "$self")/../.." && pwd)
  real=${COMMUNE_REAL:-$checkout/../shared/real}
  COMMUNE_REAL=$([ ! -d "$real" ] || readlink -f "$real")
  export COMMUNE_REAL
  home=${COMMUNE_LAB:-/var/cache/commune-lab}/userland-$suite
  log=$home/last.log
  mkdir -p "$home"

  # A run holds the lock shared, whoever makes a root holds it alone: nobody's floor is taken away. Alone means also that
  # no run lives, and what killed ones left can go.
  exec 9<"$home"
  ! flock -n -x 9 || rm -rf "$home"/run.*
  flock -s 9
  work=$(mktemp -d "$home/run.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  source=$work/checkout.bundle
  git -c safe.directory="$checkout" -C "$checkout" bundle create -q "$source" HEAD
  bare_key=$(echo "${BARE[@]}" "$suite" | cksum)
  key="$bare_key $({ echo "${FURNITURE[@]}"; git -c safe.directory="$checkout" -C "$checkout" show HEAD:requirements/dev.txt HEAD:requirements/build.txt; } | cksum)"
  until whole bare "$bare_key" && { [ -n "$bare" ] || whole furnished "$key"; }; do
    flock -n -x 9 || { say "waiting for the other runs in $home to end" && flock -x 9; }
    part bare "$bare_key" make_bare
    [ -n "$bare" ] || part furnished "$key" make_furnished
    flock -s 9
  done

  lower=$home/bare
  if [ -z "$bare" ]; then
    lower=$home/furnished/upper:$lower
    # shellcheck disable=SC2016
    set -- sh -euc 'pip install -q --no-build-isolation --no-deps -e . && exec "$@"' sh "$@"
  fi
  status=0
  enter "$lower" "$work" "$out" "$source" "$@" || status=$?
  exit "$status"
}

case ${1:-} in
  --inside) shift; inside "$@" ;;
  *) main "$@" ;;
esac
