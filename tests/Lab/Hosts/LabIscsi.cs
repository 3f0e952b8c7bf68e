using OvirtSpm.Lab.Boot;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A host that exports its disk over iSCSI at two addresses: the kernel's own target (LIO), set up in configfs.</summary>
/// <remarks>open-iscsi, multipath-tools and udev are only unpacked, under <c>iscsi</c> of SPM_LAB.</remarks>
internal sealed class LabIscsi(LabHost storage)
{
    /// <summary>What multipathd calls a LUN of LIO with <see cref="Serial"/>.</summary>
    public const string Wwid = "360014050123456789abcdef012345678";

    private const string Serial = "0123456789abcdef0123456789abcdef", Target = "iqn.2026-01.lab:lun", Targets = "/sys/kernel/config/target";

    private static string Root => Path.Combine(LabKernel.Directory!, "iscsi");

    private static string Libraries => string.Join(':', new[] { "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib" }.Select(folder => Path.Combine(Root, folder)));

    public IReadOnlyList<string> Portals { get; } = [storage.Address, SecondOf(storage)];

    public static void SkipUnlessThere()
    {
        if (LabKernel.Directory is null)
        {
            return; // LabRun says so
        }

        Assert.SkipUnless(LabKernel.Iscsi.Any(module => module.EndsWith("iscsi_target_mod.ko", StringComparison.Ordinal)), "no iscsi_target_mod in SPM_LAB's modules for an iSCSI target");
        Assert.SkipUnless(
            new[] { "sbin/iscsid", "sbin/multipathd", "bin/udevadm" }.All(tool => File.Exists(Path.Combine(Root, tool))),
            $"no open-iscsi, multipath-tools and udev unpacked in {Root} (Debian packages, which ./spm unpacks)");
    }

    public async Task ExportAsync(string disk) => await storage.DoAsync($"""
        set -e
        {LabKernel.Load(LabKernel.Iscsi)}
        ip addr add {Portals[1]}/24 dev eth0
        mount -t configfs configfs /sys/kernel/config
        lun={Targets}/core/iblock_0/lun
        mkdir -p $lun
        echo udev_path={disk} >$lun/control
        echo {Serial} >$lun/wwn/vpd_unit_serial
        echo 1 >$lun/enable
        mkdir -p {Targets}/iscsi
        group={Targets}/iscsi/{Target}/tpgt_1
        mkdir -p $group/lun/lun_0 {string.Join(' ', Portals.Select(portal => $"$group/np/{portal}:3260"))}
        ln -s $lun $group/lun/lun_0/port
        echo 0 >$group/attrib/authentication
        echo 1 >$group/attrib/generate_node_acls
        echo 0 >$group/attrib/demo_mode_write_protect
        echo 1 >$group/enable
        """);

    /// <summary>udev, multipathd and iscsid begin on the host, and it logs in at both portals.</summary>
    /// <param name="noPathRetry">How many looks of five seconds I/O waits for that has no path.</param>
    public async Task LogInAsync(LabHost host, int noPathRetry)
    {
        await host.DoAsync($$"""
            set -e
            {{LabKernel.Load(LabKernel.Iscsi)}}
            ip addr add {{SecondOf(host)}}/24 dev eth0
            mkdir -p /lib/systemd /lib/multipath /etc/multipath /etc/iscsi
            cp -a {{Root}}/lib/udev /lib/
            cp -a {{Root}}/bin/udevadm /bin/
            cp -a {{Root}}/lib/systemd/systemd-udevd /lib/systemd/
            cp -a {{Root}}/lib/multipath/* /lib/multipath/
            cp {{Root}}/etc/iscsi/iscsid.conf /etc/iscsi/
            echo InitiatorName=iqn.2026-01.lab:{{host.Name}} >/etc/iscsi/initiatorname.iscsi
            printf '%s\n' 'defaults {' ' polling_interval 5' ' max_polling_interval 5' ' user_friendly_names no' ' find_multipaths no' '}' 'overrides {' ' no_path_retry {{noPathRetry}}' '}' >/etc/multipath.conf
            export LD_LIBRARY_PATH={{Libraries}}
            /lib/systemd/systemd-udevd --daemon
            udevadm trigger --action=add
            udevadm settle
            {{Root}}/sbin/multipathd -d -v2 </dev/null >/tmp/multipathd.log 2>&1 &
            {{Root}}/sbin/iscsid -f </dev/null >/tmp/iscsid.log 2>&1 &
            """);
        await LabWait.UntilAsync(LabWait.Patience, () => "iscsid answers", async () => (await AdminAsync(host, "-m session")).Contains("No active sessions", StringComparison.Ordinal));
        foreach (var portal in Portals)
        {
            var node = $"-m node -T {Target} -p {portal}:3260";
            await AdminAsync(host, $"{node} -o new");
            // A path that is gone is given up after seconds, not minutes: another one is there.
            foreach (var (name, seconds) in new[] { ("node.session.timeo.replacement_timeout", 5), ("node.conn[0].timeo.noop_out_interval", 2), ("node.conn[0].timeo.noop_out_timeout", 3) })
            {
                await AdminAsync(host, $"{node} -o update -n {name} -v {seconds}");
            }

            await AdminAsync(host, $"{node} -l");
        }

        var said = "";
        await LabWait.UntilAsync(LabWait.Patience, () => $"the LUN has both paths: {said} {host.SerialLog}", async () =>
        {
            said = await host.DoAsync($"dmsetup status {Wwid} 2>&1 || tail -n 5 /tmp/multipathd.log");
            return said.Split(" A ").Length == 3;
        });
    }

    /// <summary>Nothing sent there arrives any more, and nothing says so.</summary>
    public async Task CutAsync(int portal) => await storage.DoAsync($"ip addr del {Portals[portal]}/24 dev eth0");

    public async Task JoinAsync(int portal) => await storage.DoAsync($"ip addr add {Portals[portal]}/24 dev eth0");

    private static string SecondOf(LabHost host) => $"10.11.13.{host.Number}";

    private static async Task<string> AdminAsync(LabHost host, string arguments)
    {
        var outcome = await host.RunAsync($"LD_LIBRARY_PATH={Libraries} {Root}/sbin/iscsiadm {arguments} 2>&1");
        // 21: no object; it is how "no active sessions" is said.
        Assert.True(outcome.ExitCode is 0 or 21, $"iscsiadm {arguments}: {outcome.Excerpt}; {await host.DoAsync("tail -n 20 /tmp/iscsid.log /tmp/multipathd.log")}");
        return outcome.Output;
    }
}
