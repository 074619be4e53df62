/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines that users of newer QEMUs, KubeVirt and libvirt have: each
 * starts, and the monitor shows what was meant.
 *
 *   command-lines ADDRESS ADDRESS
 *
 * Both are functions that vfio-pci has.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "vm.h"

#define TEXT_MAX 8192
#define ERRORS "/tmp/command-lines.stderr"
#define IOMMU_FD 77
#define DEVICE_FD 78

#define BASE "-nodefaults -display none -M virt,gic-version=3 -accel kvm " \
             "-cpu host -m 128M -bios /usr/share/qemu/QEMU_EFI.fd"
#define IOMMUFD "-object iommufd,id=iommufd0 "
#define PXB(n, nr) "-device pxb-pcie,id=pcie." #n ",bus_nr=" #nr ",bus=pcie.0 "
#define SMMU(n, props) \
    "-device arm-smmuv3,primary-bus=pcie." #n ",id=smmuv3." #n ",accel=on" \
    props " "
#define PORT(n) "-device pcie-root-port,id=port" #n ",bus=pcie." #n \
                ",chassis=" #n " "
#define PORT0 "-device pcie-root-port,id=port0,bus=pcie.0,chassis=100 "
#define VFIO(n, host) "-device vfio-pci,id=dev" #n ",host=" host \
                      ",bus=port" #n ",iommufd=iommufd0 "
#define J_IOMMUFD "-object {\"qom-type\":\"iommufd\",\"id\":\"iommufd0\"} "
#define J_PXB "-device {\"driver\":\"pxb-pcie\",\"bus_nr\":16," \
              "\"id\":\"pcie.1\",\"bus\":\"pcie.0\"} "
#define J_SMMU(props) "-device {\"driver\":\"arm-smmuv3\"," \
                      "\"primary-bus\":\"pcie.1\",\"id\":\"smmuv3.1\"," \
                      "\"accel\":true" props "} "
#define J_PORT "-device {\"driver\":\"pcie-root-port\",\"id\":\"port1\"," \
               "\"bus\":\"pcie.1\",\"chassis\":1} "
#define J_VFIO "-device {\"driver\":\"vfio-pci\",\"id\":\"dev1\"," \
               "\"host\":\"$0\",\"bus\":\"port1\",\"iommufd\":\"iommufd0\"} "

#define PROPS(ats, ril, ssidsize, oas) \
    "\"ats\": " ats, "\"ril\": " ril, "\"ssidsize\": " ssidsize, "\"oas\": " oas
#define STREAM(n) "\"device\": \"dev" #n "\""

/* Eight memoryless nodes for one GPU, as NVIDIA's packages and Kata have it */
#define GI(n) "-object acpi-generic-initiator,id=gi" #n ",pci-dev=dev1," \
              "node=" #n " "
#define GRACE \
    "-M hmat=on,ras=on,highmem-mmio-size=1T " \
    "-object memory-backend-ram,id=m0,size=128M " \
    "-numa node,nodeid=0,memdev=m0,cpus=0 " \
    "-numa node,nodeid=1 -numa node,nodeid=2 -numa node,nodeid=3 " \
    "-numa node,nodeid=4 -numa node,nodeid=5 -numa node,nodeid=6 " \
    "-numa node,nodeid=7 -numa node,nodeid=8 " \
    "-numa hmat-lb,initiator=0,target=0,hierarchy=memory," \
    "data-type=access-latency,latency=10 " \
    "-numa hmat-lb,initiator=0,target=0,hierarchy=memory," \
    "data-type=access-bandwidth,bandwidth=10G "
#define GRACE_BUS(n, nr) \
    "-device pxb-pcie,id=pcie." #n ",bus_nr=" #nr ",bus=pcie.0,numa_node=0 " \
    SMMU(n, ",ats=auto,ril=off,ssidsize=auto,oas=auto,cmdqv=auto") \
    "-device pcie-root-port,id=port" #n ",bus=pcie." #n ",chassis=" #n \
    ",io-reserve=0,pref64-reserve=1G "
#define GRACE_DEVICE \
    "-device vfio-pci-nohotplug,id=dev1,host=$0,bus=port1,rombar=0," \
    "iommufd=iommufd0 " \
    GI(1) GI(2) GI(3) GI(4) GI(5) GI(6) GI(7) GI(8)

#define SHOWS_MAX 8

static const struct command_line {
    const char *name;
    const char *args;
    const char *shows[SHOWS_MAX];
    const char *warns;          /* standard error has it */
} table[] = {
    { "11.x, all properties by default",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0"),
      { PROPS("false", "true", "0", "44"), "\"host-known\": true",
        STREAM(1) } },
    { "11.x, all properties auto",
      IOMMUFD PXB(1, 16) SMMU(1, ",ats=auto,ril=auto,ssidsize=auto,oas=auto")
      PORT(1) VFIO(1, "$0"),
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    { "11.x, all properties by value",
      IOMMUFD PXB(1, 16) SMMU(1, ",ats=off,ril=off,ssidsize=0,oas=44")
      PORT(1) VFIO(1, "$0"),
      { PROPS("false", "false", "0", "44"), STREAM(1) } },
    { "ats=on, and a device that cannot use it",
      IOMMUFD PXB(1, 16) SMMU(1, ",ats=on") PORT(1) VFIO(1, "$0"),
      { PROPS("true", "true", "0", "44"), STREAM(1) } },
    { "11.x, two SMMUs",
      IOMMUFD PXB(1, 16) SMMU(1, "") PXB(2, 32) SMMU(2, "") PORT(1) PORT(2)
      VFIO(1, "$0") VFIO(2, "$1"),
      { STREAM(1), STREAM(2), "\"bus\": \"pcie.1\"", "\"bus\": \"pcie.2\"" } },
    { "11.x, an accelerated SMMU beside an emulated one",
      IOMMUFD "-device arm-smmuv3,primary-bus=pcie.0,id=smmuv3.0 "
      PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0"),
      { STREAM(1), "\"bus\": \"pcie.1\"" } },
    { "11.x, the emulated SMMU after it",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0")
      "-device arm-smmuv3,primary-bus=pcie.0,id=smmuv3.0 ",
      { STREAM(1) } },
    { "11.x, on the machine's own root complex",
      IOMMUFD "-device arm-smmuv3,primary-bus=pcie.0,id=smmuv3.0,accel=on "
      "-device pcie-root-port,id=port1,chassis=1 " VFIO(1, "$0"),
      { STREAM(1), "\"bus\": \"pcie.0\"" } },
    { "JSON, after all others, moves the ITS for two SMMUs",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0")
      "-device {\"driver\":\"arm-smmuv3\",\"primary-bus\":\"pcie.0\","
      "\"accel\":true,\"x-guest-vfio\":true} ",
      { STREAM(1), "\"bus\": \"pcie.0\"" } },
    { "KubeVirt's properties",
      IOMMUFD PXB(1, 254)
      SMMU(1, ",ril=off,ats=on,ssidsize=20,oas=48,cmdqv=off") PORT(1),
      { PROPS("true", "false", "20", "48"), "\"host-known\": false" } },
    { "KubeVirt's, in JSON",
      J_IOMMUFD J_PXB
      J_SMMU(",\"ril\":\"off\",\"ats\":\"on\",\"ssidsize\":\"20\","
             "\"oas\":\"48\"") J_PORT,
      { PROPS("true", "false", "20", "48") } },
    { "JSON, all properties by default",
      J_IOMMUFD J_PXB J_SMMU("") J_PORT J_VFIO,
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    { "JSON, all properties auto",
      J_IOMMUFD J_PXB J_SMMU(",\"ats\":\"auto\",\"ril\":\"auto\","
                             "\"ssidsize\":\"auto\",\"oas\":\"auto\"")
      J_PORT J_VFIO,
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    /* QEMU makes devices in JSON after all others */
    { "both syntaxes",
      IOMMUFD PXB(1, 16) SMMU(1, ",ril=on") J_PORT J_VFIO,
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    { "descriptors, with an id",
      "-object iommufd,id=iommufd0,fd=77 " PXB(1, 16) SMMU(1, "") PORT(1)
      "-device vfio-pci,id=dev1,fd=78,bus=port1,iommufd=iommufd0",
      { STREAM(1), "\"host-device\": \"$0\"" } },
    { "descriptors, without an id",
      "-object iommufd,id=iommufd0,fd=77 " PXB(1, 16) SMMU(1, "") PORT(1)
      "-device vfio-pci,fd=78,bus=port1,iommufd=iommufd0",
      { "\"host-device\": \"$0\"" } },
    { "with cmdqv=off, as libvirt writes it",
      J_IOMMUFD J_PXB J_SMMU(",\"cmdqv\":\"off\"") J_PORT J_VFIO,
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    { "numbers in JSON",
      J_IOMMUFD J_PXB J_SMMU(",\"ssidsize\":0,\"oas\":44") J_PORT J_VFIO,
      { PROPS("false", "true", "0", "44"), STREAM(1) } },
    { "an emulated SMMU with all of its values by name",
      PXB(1, 16) "-device arm-smmuv3,primary-bus=pcie.1,accel=off,ats=off,"
      "ril=on,ssidsize=0,oas=44,cmdqv=off",
      { "\"return\": []" } },
    { "virt-install, pcie.0 accelerated and a second SMMU on a pxb",
      IOMMUFD "-device arm-smmuv3,primary-bus=pcie.0,id=smmuv3.0,accel=on "
      "-device pcie-root-port,id=port2,chassis=2 " VFIO(2, "$1")
      PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0"),
      { STREAM(1), STREAM(2), "\"bus\": \"pcie.0\"" } },
    { "NVIDIA's packages, root complexes numbered 1, 2, 3, 4",
      GRACE IOMMUFD GRACE_BUS(1, 1) GRACE_BUS(2, 2) GRACE_BUS(3, 3)
      GRACE_BUS(4, 4) GRACE_DEVICE,
      { PROPS("false", "false", "0", "44"), STREAM(1) },
      "root complex pcie.1 has 1 of 2 bus numbers that it needs" },
    { "NVIDIA's packages, numbered 1, 9, 17, 25",
      GRACE IOMMUFD GRACE_BUS(1, 1) GRACE_BUS(2, 9) GRACE_BUS(3, 17)
      GRACE_BUS(4, 25) GRACE_DEVICE,
      { PROPS("false", "false", "0", "44"), STREAM(1) } },
    /* As mediated devices have it, and all others by default */
    { "a device in VFIO's own container, after one by iommufd",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1) VFIO(1, "$0") PORT0
      "-device vfio-pci,host=$1,bus=port0",
      { STREAM(1) } },
    { "a device in VFIO's own container, before one by iommufd",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1) PORT0
      "-device vfio-pci,host=$1,bus=port0 " VFIO(1, "$0"),
      { STREAM(1) } },
    { "a device that cannot be unplugged",
      IOMMUFD PXB(1, 16) SMMU(1, "") PORT(1)
      "-device vfio-pci-nohotplug,id=dev1,host=$0,bus=port1,iommufd=iommufd0",
      { STREAM(1) } },
};

static const char *address[2];

static void substitute(const char *from, char *to)
{
    size_t n = 0;

    for (; *from && n < TEXT_MAX - 1; from++) {
        if (*from == '$') {
            n += snprintf(to + n, TEXT_MAX - n, "%s", address[from[1] - '0']);
            from++;
        } else {
            to[n++] = *from;
        }
    }
    to[n] = 0;
}

/* As libvirt has them: open before QEMU is started */
static void open_descriptors(void)
{
    char path[128];
    FILE *p;
    int iommu, device;

    snprintf(path, sizeof(path), "ls -d /sys/bus/pci/devices/%s/vfio-dev/*",
             address[0]);
    p = popen(path, "r");
    if (!p || !fgets(path, sizeof(path), p)) {
        tap_bail("%s is not bound to vfio-pci", address[0]);
    }
    pclose(p);
    path[strcspn(path, "\n")] = 0;
    memmove(path + strlen("/dev/vfio/devices"), strrchr(path, '/'),
            strlen(strrchr(path, '/')) + 1);
    memcpy(path, "/dev/vfio/devices", strlen("/dev/vfio/devices"));
    iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    device = open(path, O_RDWR | O_CLOEXEC);
    if (iommu < 0 || device < 0 || dup2(iommu, IOMMU_FD) < 0 ||
        dup2(device, DEVICE_FD) < 0) {
        tap_bail("%s: %m", path);
    }
    close(iommu);
    close(device);
}

static void check(const struct command_line *c)
{
    static struct vm vm;
    char args[TEXT_MAX], want[TEXT_MAX];
    const char *const all[] = { BASE, args, NULL };
    bool fds = strstr(c->args, "fd=78");

    substitute(c->args, args);
    tap_note("%s", args);
    if (fds) {
        open_descriptors();
    }
    vm_start(&vm, all, ERRORS, NULL);
    if (fds) {
        close(IOMMU_FD);
        close(DEVICE_FD);
    }
    if (!tap_check(vm_greet(&vm), "%s: starts", c->name)) {
        file_read(ERRORS, want, sizeof(want));
        tap_note("%s", want);
        vm_wait(&vm, 30);
        return;
    }
    file_read(ERRORS, want, sizeof(want));
    if (c->warns && !strstr(want, c->warns)) {
        tap_note("%s", want);
        tap_check(false, "%s: warns: %s", c->name, c->warns);
    }
    vm_command(&vm, "{\"execute\":\"x-query-smmuv3-accel\"}");
    tap_note("%s", vm.line);
    for (int i = 0; i < SHOWS_MAX && c->shows[i]; i++) {
        substitute(c->shows[i], want);
        if (!strstr(vm.line, want)) {
            tap_check(false, "%s: shows %s", c->name, want);
        }
    }
    tap_check(vm_quit(&vm) == 0, "%s: ends well", c->name);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc != 3) {
        tap_bail("usage: command-lines ADDRESS ADDRESS");
    }
    memcpy(address, argv + 1, sizeof(address));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check(&table[i]);
    }
    return tap_done();
}
