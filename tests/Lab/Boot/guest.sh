#!/bin/busybox sh
# The first process of a guest in a virtual host: writes to its disk past its cache, reads all of it again. A line for each step.
b=/bin/busybox
$b mkdir -p /proc /sys /dev
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
while read -r module; do $b insmod "/modules/$module"; done < /modules/order
for word in $($b cat /proc/cmdline); do
    case $word in lab.writes=*) writes=${word#*=} ;; esac
done
now() { read -r seconds _ </proc/uptime; echo "${seconds%.*}${seconds#*.}"; }

# Every write is 1 MiB of this, from another place for each of 31 in a row.
rounds=31
$b dd if=/dev/urandom of=/block bs=4096 count=$((256 + rounds)) 2>/said
# write NUMBER [OPERAND OF dd...]
write() {
    skip=$(($1 % rounds * 4096))
    shift
    $b dd if=/block bs=1M count=1 iflag=skip_bytes skip=$skip "$@" 2>/said
}
expected=$(number=0; while [ $number -lt $rounds ]; do write $number; number=$((number + 1)); done | $b md5sum)
echo "guest: up"

at=0
while [ $at -lt "$writes" ]; do
    begun=$(now)
    write $at of=/dev/sda seek=$at oflag=direct conv=notrunc || { echo "guest: write $at failed: $($b cat /said)"; break; }
    echo "guest: wrote $at $((($(now) - begun) * 10))"
    at=$((at + 1))
done
while [ $at -ge $rounds ]; do
    at=$((at - rounds))
    [ "$($b dd if=/dev/sda bs=1M skip=$at count=$rounds iflag=direct 2>/said | $b md5sum)" = "$expected" ] || echo "guest: differs at $at"
done
echo "guest: read all but $at"
exec $b sleep 100000
