# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's libvirt on a host with a CMDQV: a domain that asks for it has it,
# and so has one that does not say anything of it.
#
# shellcheck shell=sh

. /lab/libvirt/virsh.sh

prepare
point "libvirt is there" [ $? = 0 ]
virsh version >/tmp/version
echo "# $(grep 'Using library' /tmp/version)"

# The device behind the host's SMMU that has the CMDQV
sed "/<source>/,/<.source>/s/bus='0x01'/bus='0x41'/" \
    /lab/libvirt/domain.xml >$root/lab/auto.xml
sed "s/oas='44'/& cmdqv='on'/" $root/lab/auto.xml >$root/lab/on.xml
sed "s/oas='44'/& cmdqv='off'/" $root/lab/auto.xml >$root/lab/off.xml

makes_argv /lab/on.xml
shows '"oas":"44","cmdqv":"on"' "with cmdqv='on'" /tmp/argv
for cmdqv in on auto off; do
    virsh "create /lab/$cmdqv.xml; domstate lab;
        qemu-monitor-command lab --hmp \"info smmuv3-accel\";
        destroy lab" >/tmp/run
    point "$cmdqv: it starts the domain, and ends it" [ $? = 0 ]
    ran
    shows 'hostdev0 (host 0000:41:00.0)' "with the device behind the SMMU" \
        /tmp/run
    if [ $cmdqv = off ]; then
        point "without a CMDQV" sh -c '! grep CMDQV /tmp/run'
    else
        shows 'CMDQV: of the host, queues of at most 256 entries' \
            "with the host's CMDQV" /tmp/run
    fi
done
echo "1..$n"
