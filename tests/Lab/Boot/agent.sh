# Runs what the test asks for: a line with a number comes through the port, NUMBER.sh lies in the share; its output and exit
# code go there, then the number goes back. Everything runs at once. As the first process it must never end.
share=$1
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
for port in /sys/class/virtio-ports/vport*; do
    [ "$(cat "$port/name")" = lab ] && exec 3<>"/dev/${port##*/}"
done
echo ready >&3
while :; do
    if read -r number <&3; then
        (
            sh "$share/$number.sh" >"$share/$number.out" 2>"$share/$number.err" </dev/null 3>&-
            echo $? >"$share/$number.rc"
            echo "$number" >&3
        ) &
    else
        sleep 0.1 # nobody is connected
    fi
done
