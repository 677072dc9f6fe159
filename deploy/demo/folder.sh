# folder.sh -- the demo's folder: where it can be, making and emptying it.
#
# Sourced by demo.sh.  Everything of the demo is in DIR; ASKED_DIR is where
# the user wants it, and is DIR itself or a link to it.
# shellcheck shell=bash

MARK=.tally-demo
PARTS="bin conf env extension.sum loaded log nginx pgdata run spool status"

# suitable DIR -- can the servers work there?  The user who runs them must be
# able to enter it; a socket's path may have 107 bytes; and the path is pasted
# into configuration files.
suitable()
{
  [ "${#1}" -le 80 ] || return 1
  case $1 in *[!A-Za-z0-9_./+-]*) return 1 ;; esac
  mkdir -p "$1" 2>/dev/null && can_enter "$1"
}

# elsewhere -- the folder instead of one that is not suitable: always the same
# for the same ASKED_DIR.
elsewhere()
{
  local sum
  sum=$(printf '%s' "$ASKED_DIR" | cksum | cut -d' ' -f1)
  if [ "$RUN_USER" = postgres ]; then
    printf '/var/lib/postgresql/tally-demo-%s\n' "$sum"
  else
    printf '/var/tmp/tally-demo-%s-%s\n' "$(id -u)" "$sum"
  fi
}

# find_dir -- set DIR, the real folder.
find_dir()
{
  DIR=$ASKED_DIR
  if [ -L "$ASKED_DIR" ]; then
    DIR=$(readlink "$ASKED_DIR")
  elif ! suitable "$ASKED_DIR"; then
    DIR=$(elsewhere)
    rmdir "$ASKED_DIR" 2>/dev/null
    [ ! -e "$ASKED_DIR" ] ||
      die "$ASKED_DIR cannot be used by $RUN_USER." \
        "Set TALLY_DEMO_DIR to a folder that can."
    if ! mkdir -p "$(dirname "$ASKED_DIR")" ||
      ! ln -s "$DIR" "$ASKED_DIR"; then
      die "cannot make $ASKED_DIR"
    fi
    say "The data goes to $DIR, where $RUN_USER may enter." \
      "$ASKED_DIR is a link to it."
  fi
}

make_dir()
{
  find_dir
  if [ -d "$DIR" ] && [ ! -e "$DIR/$MARK" ] && [ -n "$(ls -A "$DIR")" ]; then
    die "$DIR holds other things than a demo." \
      "Set TALLY_DEMO_DIR to a folder that is empty or not there."
  fi
  mkdir -p "$DIR" || die "cannot make $DIR"
  if [ "$(id -u)" = 0 ]; then chown "$RUN_USER:" "$DIR"; fi
  chmod 700 "$DIR" ||
    die "$DIR belongs to another user." \
      "Run this as that user, or set TALLY_DEMO_DIR."
  for part in . bin conf log nginx run spool status; do
    "${AS_USER[@]}" mkdir -p -m 700 "$DIR/$part" ||
      die "cannot make $DIR/$part"
  done
  "${AS_USER[@]}" touch "$DIR/$MARK"
}

# delete_data -- only what a demo makes, never the folder of a mistyped name.
delete_data()
{
  if [ ! -e "$DIR/$MARK" ]; then return; fi
  for part in $PARTS; do rm -rf "${DIR:?}/$part"; done
}
