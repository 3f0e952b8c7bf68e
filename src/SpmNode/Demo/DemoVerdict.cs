using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo.Verification;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Demo;

/// <summary>What independent tools find when the guests are off: images and contents, leases while they are held, the volume group at rest.</summary>
sealed class DemoVerdict(
    ChildProcesses children, RunDirectory run, ClusterWatch cluster, string lun, IDemoView view, List<string> broken)
{
    static readonly TimeSpan NodePatience = TimeSpan.FromSeconds(20);

    readonly List<VerifiedFact> verified = [];
    readonly List<VerifiedFact> skipped = [];

    public async Task<(IReadOnlyList<VerifiedFact> Verified, IReadOnlyList<VerifiedFact> Skipped)> RunAsync(
        IReadOnlyList<DemoGuest> guests, CancellationToken stop)
    {
        foreach (var fact in (await Task.WhenAll(guests.Select(guest => LookAtGuestAsync(guest, stop)))).SelectMany(facts => facts))
        {
            Add(fact);
        }
        var members = await Task.WhenAll(cluster.Alive.Select(node => node.Api.StatusAsync(stop)));
        var leader = members.FirstOrDefault(ClusterWatch.IsLeading) ?? throw Refusal.Unavailable("no host leads any more at the end of the run.");
        var pool = await cluster.Alive.First().Api.VolumesAsync(stop);

        using var device = OpenDevice();
        var lvm = device is null ? null : new Lvm(children, run, device.Path);
        var report = lvm is null ? null : await ReportAsync(lvm, leader.Domain, stop);
        await LookAtLeasesAsync(report, leader, members, stop);

        // The leader last: a follower that is still there would take over, and the epoch on disk would be another one.
        var alive = cluster.Alive.ToList();
        await EndAsync(alive.Where(node => node.HostId != leader.HostId));
        await EndAsync(alive.Where(node => node.HostId == leader.HostId));
        view.Say("all nodes handed over and ended");
        if (lvm is not null && report is not null)
        {
            Add(LvmCheck.Group(await lvm.CheckAsync(leader.Domain, stop), leader.Domain));
            Add(LvmCheck.Volumes(await ReportAsync(lvm, leader.Domain, stop) ?? report, pool, leader.Epoch ?? 0));
        }
        return (verified, skipped);
    }

    void Add(VerifiedFact fact)
    {
        verified.Add(fact);
        view.Say($"{(fact.Ok ? "ok" : "FAILED")}  {fact.Tool}: {fact.What}");
    }

    async Task<VerifiedFact[]> LookAtGuestAsync(DemoGuest guest, CancellationToken stop)
    {
        var active = await guest.Host.Api.ActivateAsync(guest.Volume.Volume, readOnly: true, stop);
        var image = await ImageCheck.RunAsync(children, guest.Name, active.BlockDevice, stop);
        var content = await ContentCheck.RunAsync(
            children, run, guest.Name, active.BlockDevice, guest.Pattern, guest.Writer.TotalBytes, stop);
        await guest.Host.Api.DeactivateAsync(guest.Volume.Volume, stop);
        return [image, content];
    }

    async Task LookAtLeasesAsync(LvmReport? report, StatusReply leader, StatusReply[] members, CancellationToken stop)
    {
        var (ids, leases) = report is not null && report.Volumes.ContainsKey("ids") && report.Volumes.ContainsKey("leases")
            ? (report.OffsetOf("ids"), report.OffsetOf("leases"))
            : await OwnPlacesAsync();
        foreach (var fact in await SanlockCheck.RunAsync(new Sanlock(children, lun), ids, leases, leader, members, stop))
        {
            Add(fact);
        }
    }

    /// <summary>Without lvm2 our own reader tells where to look; what sanlock finds there is as independent as before.</summary>
    async Task<(long Ids, long Leases)> OwnPlacesAsync()
    {
        using var opened = NodeComposition.OpenLun(lun, readOnly: true);
        var group = (await PoolDomain.OpenAsync(opened)).Group;
        long OffsetOf(string volume) =>
            group.PhysicalVolumes[0].ExtentStartBytes + group.Find(volume)!.Segments[0].Areas[0].StartExtent * group.ExtentSizeBytes;
        return (OffsetOf(SpecialVolumes.Ids.Name), OffsetOf(SpecialVolumes.Leases.Name));
    }

    async Task<LvmReport?> ReportAsync(Lvm lvm, string group, CancellationToken stop)
    {
        var lvs = await lvm.ListVolumes(group, stop);
        if (lvs.IsMissing)
        {
            Add(LvmCheck.Missing("vgck"));
            Add(LvmCheck.Missing("lvs"));
            return null;
        }
        return LvmReport.Parse(lvs, await lvm.ListDevices(stop));
    }

    /// <summary>A block device is looked at as it is, a file through a loop device.</summary>
    VerificationDevice? OpenDevice()
    {
        try
        {
            return VerificationDevice.Open(lun);
        }
        catch (UnauthorizedAccessException refused)
        {
            skipped.Add(new("vgck", "lvm2 reads only block devices, and a loop device needs root", false));
            skipped.Add(skipped[0] with { Tool = "lvs" });
            view.Say($"skipped  vgck, lvs: {refused.Message}; run as root for these");
            return null;
        }
    }

    Task EndAsync(IEnumerable<NodeProcess> nodes) =>
        Task.WhenAll(nodes.Select(async node =>
        {
            if (!await node.Process.EndAsync(NodePatience))
            {
                broken.Add($"{node.Name} did not end within {NodePatience.TotalSeconds:0} s of SIGTERM and was killed.");
            }
            else if (node.Process.ExitCode != 0)
            {
                broken.Add($"{node.Name} ended with exit code {node.Process.ExitCode}: {LogTail.Of(run.Log(node.Name))}");
            }
        }));
}
