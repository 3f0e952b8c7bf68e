#!/bin/busybox sh
# The first process of a virtual host: this machine's own root, read-only, below a layer in memory.
b=/bin/busybox
$b mkdir -p /proc /sys /dev /lower /upper /new
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
while read -r module options; do
    $b insmod "/modules/$module" $options || echo "lab: module $module was not loaded"
done < /modules/order
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /lower || echo "lab: no root"
$b mount -t tmpfs tmpfs /upper
$b mkdir -p /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new || echo "lab: no overlay"
for d in proc sys dev; do $b mount --move /$d /new/$d; done
$b mount -t tmpfs tmpfs /new/run
$b mount -t tmpfs tmpfs /new/tmp
for word in $($b cat /new/proc/cmdline); do
    case $word in
        lab.share=*) share=${word#*=} ;;
        lab.name=*) $b hostname "${word#*=}" ;;
        lab.address=*) address=${word#*=} ;;
    esac
done
$b ip link set lo up
$b ip addr add "$address/24" dev eth0
$b ip link set eth0 up
# The run's directory, writable, in the same place as outside.
$b mkdir -p "/new$share"
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none share "/new$share" || echo "lab: no share"
$b cp /agent.sh /new/run/agent.sh
$b mkdir -p /new/run/lock /new/etc/lvm
$b ln -s /proc/self/fd /new/dev/fd
# No udev runs here, and what this machine lets its own lvm2 see does not count.
echo 'devices { use_devicesfile=0 } activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 }' > /new/etc/lvm/lvmlocal.conf
exec $b switch_root /new /bin/sh /run/agent.sh "$share"
