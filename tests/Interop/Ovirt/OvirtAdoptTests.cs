using OvirtSpm.Interop.Cli;
using OvirtSpm.Interop.Nodes;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Ovirt;

/// <summary>A domain of oVirt is led from here, works, and is given back as it was.</summary>
public sealed class OvirtAdoptTests(OvirtTemplates templates) : IClassFixture<OvirtTemplates>
{
    static readonly string[] Adopt = ["domain", "adopt", "--io-timeout", "1", "--watchdog-timeout", "0"];

    [Fact]
    public async Task A_dry_run_shows_what_is_added_and_adopting_adds_just_that_and_releasing_takes_just_that_away()
    {
        using var domain = await templates.CopyAsync();
        var (untouched, backup, tags) = (domain.Lun.Fingerprint(), domain.Backup(), domain.GroupTags());
        var shown = (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path])).Succeeded().Output;
        foreach (var words in new[] { "logical volume 'spm', 128 MiB", "SPM_IO_TIMEOUT=1", "SPM_WATCHDOG_TIMEOUT=0", "SPM_EPOCH=", "attached to data center 77777777", "Nothing was written" })
        {
            Assert.Contains(words, shown, StringComparison.Ordinal);
        }
        Assert.Equal(untouched, domain.Lun.Fingerprint());

        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded();
        var info = (await CliSpm.RunAsync("domain", "info", "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.True(info.GetProperty("adopted").GetBoolean());
        // sanlock's lease was in version 0: ours is the first, and the first epoch.
        Assert.Equal(1, info.GetProperty("epoch").GetInt64());
        Assert.Equal(["SPM_EPOCH=1", "SPM_IO_TIMEOUT=1", "SPM_WATCHDOG_TIMEOUT=0"], domain.GroupTags().Except(tags).Order(StringComparer.Ordinal));
        Assert.Empty(tags.Except(domain.GroupTags()));
        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
        Assert.Equal(OvirtVolume.Usual.Count + 7 + 1 + 1, domain.Lun.Lvm.Report("lvs", "lv", OvirtDomain.Uuid, "-o", "lv_name").Count);

        // Asked again nothing happens; and it can be led: one more commit, of a new epoch.
        var adopted = domain.Lun.Fingerprint();
        Assert.Contains("nothing is to be done", (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(adopted, domain.Lun.Fingerprint());

        (await CliSpm.RunAsync("domain", "guard", "on", "--lun", domain.Path)).Refused("attached to data center 77777777", "spm host setup");
        (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path)).Refused("--yes");
        Assert.Equal(adopted, domain.Lun.Fingerprint());
        (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Succeeded();
        Assert.Equal(backup, domain.Backup());
        Assert.Equal(tags, domain.GroupTags());
        // lvm2 reads over keys it does not know: the text itself is free of ours, too.
        Assert.DoesNotContain("spm_epoch", (await CliSpm.RunAsync("metadata", "dump", "--lun", domain.Path)).Succeeded().Output, StringComparison.Ordinal);
        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
        (await CliSpm.RunAsync("metadata", "check", "--lun", domain.Path)).Succeeded();
        Assert.False((await CliSpm.RunAsync("domain", "info", "--lun", domain.Path, "--json")).Succeeded().Json.GetProperty("adopted").GetBoolean());
        Assert.Contains("nothing is to be done", (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_adopted_domain_works_offline_and_what_is_not_ours_stays_as_it_was()
    {
        using var domain = await templates.CopyAsync();
        var (leaf, raw) = (OvirtVolume.Usual[2], OvirtVolume.Usual[4]);
        var kept = Foreign(domain);
        var slots = OvirtVolume.Usual.Where(volume => volume != leaf && volume != raw).ToDictionary(volume => volume, volume => domain.Lun.Read(domain.SlotPlace(volume), 512));
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded();

        var grown = (await CliSpm.RunAsync("volume", "extend", leaf.Name, "2G", "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.Equal(2 * CliLun.Gib, grown.GetProperty("allocatedBytes").GetInt64());
        const string Made = "bbbbbbbb-0000-4000-8000-000000000001";
        var made = (await CliSpm.RunAsync("volume", "create", "--lun", domain.Path, "--size", "4G", "--uuid", Made, "--json")).Succeeded().Json;
        // The gap among oVirt's slots is the first free one.
        Assert.Equal(4, made.GetProperty("slot").GetInt32());
        var snapshot = (await CliSpm.RunAsync("volume", "create", "--lun", domain.Path, "--parent", leaf.Name, "--json")).Succeeded().Json;
        Assert.Equal((leaf.Name, leaf.Image), (snapshot.GetProperty("parent").GetString(), snapshot.GetProperty("image").GetString()));
        (await CliSpm.RunAsync("volume", "delete", raw.Name, "--lun", domain.Path)).Succeeded();
        (await CliSpm.RunAsync("volume", "delete", OvirtVolume.Usual[0].Name, "--lun", domain.Path)).Refused(OvirtVolume.Usual[3].Name);
        (await CliSpm.RunAsync("volume", "delete", OvirtDomain.Stray, "--lun", domain.Path)).Refused(OvirtDomain.Stray);

        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
        var seen = domain.Lun.Lvm.Report("lvs", "lv", OvirtDomain.Uuid, "-o", "lv_name,lv_size,lv_tags").ToDictionary(lv => lv.GetProperty("lv_name").GetString()!);
        Assert.Equal($"{2 * CliLun.Gib}", seen[leaf.Name].GetProperty("lv_size").GetString());
        Assert.Equal(leaf.Tags(5).Append(OvirtDomain.VendorTag).Order(StringComparer.Ordinal), seen[leaf.Name].GetProperty("lv_tags").GetString()!.Split(',').Order(StringComparer.Ordinal));
        Assert.Equal(OvirtDomain.VendorTag, seen[OvirtDomain.Stray].GetProperty("lv_tags").GetString());
        Assert.False(seen.ContainsKey(raw.Name));
        Assert.Equal(kept, Foreign(domain));
        Assert.All(slots, slot => Assert.Equal(slot.Value, domain.Lun.Read(domain.SlotPlace(slot.Key), 512)));
        await SanlockReadsAsync(domain);

        var check = (await CliSpm.RunAsync("domain", "check", "--lun", domain.Path)).Exits(1).Output.Split('\n');
        Assert.Contains(OvirtDomain.Stray, Assert.Single(check, line => line.StartsWith("WRONG", StringComparison.Ordinal)), StringComparison.Ordinal);

        // Given back, what was changed stays changed, and oVirt's texts say so.
        (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Succeeded();
        var listed = (await CliSpm.RunAsync("volume", "list", "--lun", domain.Path, "--json")).Succeeded().Json.EnumerateArray().Select(volume => volume.GetProperty("volume").GetString());
        Assert.Contains(Made, listed);
        Assert.DoesNotContain(domain.GroupTags(), tag => tag.StartsWith("SPM_", StringComparison.Ordinal));
        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
    }

    [Fact]
    public async Task A_node_leads_an_adopted_domain_and_ends_before_it_is_released()
    {
        using var domain = await templates.CopyAsync();
        var leaf = OvirtVolume.Usual[2];
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded();
        await using (var cluster = NodeCluster.On(domain.Path, OvirtDomain.Uuid))
        {
            var node = await cluster.StartAsync(1);
            await NodeCluster.LeaderAsync([node], TimeSpan.FromSeconds(60));
            var seen = await node.Client.ListVolumesAsync();
            Assert.Equal([.. OvirtVolume.Usual.Select(volume => volume.Name), OvirtDomain.Stray], seen.Select(volume => volume.Volume).Order(StringComparer.Ordinal));
            var grown = await node.Client.ExtendVolumeAsync(leaf.Name, new ExtendVolumeRequest(2 * CliLun.Gib, null, null, null));
            Assert.Equal(2 * CliLun.Gib, grown.AllocatedBytes);
            var made = await NodeCluster.CreateVolumeAsync(node);
            var snapshot = await node.Client.CreateVolumeAsync(new CreateVolumeRequest($"{Guid.NewGuid()}", null, 0, "cow", null, false, Parent: leaf.Name));
            Assert.Equal((leaf.Name, leaf.Image), (snapshot.Parent, snapshot.Image));
            // Its chain is oVirt's: both of its layers are served below it.
            var active = await node.Client.ActivateAsync(snapshot.Volume, readOnly: false);
            Assert.All([snapshot.Volume, leaf.Name, leaf.Parent!], layer => Assert.Contains(active.Chain, option => option.Contains(layer, StringComparison.Ordinal)));
            (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Refused("not released", "host id 1");
            await node.Client.DeactivateAsync(snapshot.Volume);
            await node.Client.DeleteVolumeAsync(snapshot.Volume);
            await node.Client.DeleteVolumeAsync($"{made}");
            await node.EndAsync(TimeSpan.FromSeconds(60));
        }
        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
        (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Succeeded();
        var size = domain.Lun.Lvm.Report("lvs", "lv", $"{OvirtDomain.Uuid}/{leaf.Name}", "-o", "lv_size").Single().GetProperty("lv_size").GetString();
        Assert.Equal($"{2 * CliLun.Gib}", size);
    }

    [Fact]
    public async Task Beside_a_host_of_oVirt_nothing_is_adopted_and_a_host_that_renews_is_seen_alive()
    {
        using var domain = await templates.CopyAsync();
        await domain.SanlockAsync("acquire_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
        await domain.SanlockAsync("acquire", "-r", domain.SpmLease, "-i", "3", "-g", "1", "-o", "1");
        var before = domain.Lun.Fingerprint();
        Assert.Contains("In the way: host id 3 ('vdsm-host-3')", (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path])).Succeeded().Output, StringComparison.Ordinal);
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Refused("not adopted", "host id 3 ('vdsm-host-3')", "maintenance", "--wait");
        Assert.Equal(before, domain.Lun.Fingerprint());

        var waiting = CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes", "--wait"]);
        while (!waiting.IsCompleted)
        {
            // Until the verb has seen a change: no moment has to be met.
            await domain.SanlockAsync("renew_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
            await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));
        }
        (await waiting).Refused("host id 3 ('vdsm-host-3') lives", "maintenance");

        // Gone in order: the lease its life held is free with it, and the epoch is above what oVirt's SPM had.
        await domain.SanlockAsync("release_id", "-s", domain.Lockspace(3));
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded();
        Assert.Equal(2, (await CliSpm.RunAsync("domain", "info", "--lun", domain.Path, "--json")).Succeeded().Json.GetProperty("epoch").GetInt64());
    }

    /// R19: nothing is known of that host's watchdog, so that it counts with a minute of it, twice: nearly three minutes of waiting.
    [Fact(Explicit = true)]
    public async Task After_a_crash_of_oVirts_SPM_adopting_waits_until_it_is_proven_dead_and_goes_on()
    {
        using var domain = await templates.CopyAsync();
        await domain.SanlockAsync("acquire_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
        await domain.SanlockAsync("acquire", "-r", domain.SpmLease, "-i", "3", "-g", "1", "-o", "1");
        var left = HostId(domain, 3);
        // The host id and the SPM lease are judged one after the other, each for 8 T + W.
        var adopted = (await CliSpm.RunAsync(TimeSpan.FromMinutes(6), [.. Adopt, "--lun", domain.Path, "--yes", "--wait"])).Succeeded();
        Assert.True(adopted.Took > TimeSpan.FromSeconds(68), adopted.ToString());
        var info = (await CliSpm.RunAsync("domain", "info", "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.Equal((true, 2), (info.GetProperty("adopted").GetBoolean(), info.GetProperty("epoch").GetInt64()));
        // Its host id is left as it was: sanlock's own host takes it again.
        Assert.Equal(left, HostId(domain, 3));
        await SanlockReadsAsync(domain);
        domain.Lun.Lvm.MustRun("vgck", OvirtDomain.Uuid);
    }

    /// What came while our host id was being taken, seconds after everybody was judged.
    [Fact]
    public async Task A_host_of_oVirt_that_joins_beside_the_adopting_one_stops_it()
    {
        // It has to join within the 2 T that our own host id must have stayed; a machine that is busy may let it come too late.
        for (var attempt = 1; !await JoinsBesideAsync(); attempt++)
        {
            Assert.True(attempt < 5, "in none of five attempts the adopting verb saw the host that joined beside it");
        }
    }

    /// <returns>False when the domain was adopted before that host was there.</returns>
    async Task<bool> JoinsBesideAsync()
    {
        using var domain = await templates.CopyAsync();
        var before = domain.Backup();
        using var adopting = CliSpm.Start([.. Adopt, "--lun", domain.Path, "--yes"]);
        var (output, error) = (adopting.StandardOutput.ReadToEndAsync(), adopting.StandardError.ReadToEndAsync());
        while (!adopting.HasExited && (LeaderRecord.TryParse(LeaderKind.HostId, HostId(domain, 240), out var lease) != RecordError.None || lease!.Timestamp == 0))
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        await domain.SanlockAsync("acquire_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
        await adopting.WaitForExitAsync(TestContext.Current.CancellationToken);
        if (adopting.ExitCode == 0)
        {
            return false;
        }
        Assert.True(adopting.ExitCode == 1, await output + await error);
        Assert.Contains("host id 3 ('vdsm-host-3') came meanwhile", await error, StringComparison.Ordinal);
        Assert.Equal(before, domain.Backup());
        // What it had is given back: sanlock's host has the domain to itself.
        var (code, text) = await SanlockTool.DirectAsync("read_leader", "-r", domain.SpmLease);
        Assert.Equal((0, "0"), (code, SanlockTool.Field(text, "timestamp")));
        (code, text) = await SanlockTool.DirectAsync("read_leader", "-s", domain.Lockspace(240));
        Assert.Equal((0, "0"), (code, SanlockTool.Field(text, "timestamp")));
        return true;
    }

    static byte[] HostId(OvirtDomain domain, int host) => domain.Lun.Read(domain.OffsetOf("ids") + (host - 1) * 512, 512);

    [Fact]
    public async Task A_released_domain_wants_nobody_in_it_and_nothing_active()
    {
        using var domain = await templates.CopyAsync();
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Succeeded();
        await domain.SanlockAsync("acquire_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
        var before = domain.Lun.Fingerprint();
        (await CliSpm.RunAsync("domain", "release", "--lun", domain.Path, "--yes")).Refused("not released", "host id 3 ('vdsm-host-3')");
        Assert.Equal(before, domain.Lun.Fingerprint());
        // R23: nor is it led beside that host.
        (await CliSpm.RunAsync("volume", "extend", OvirtVolume.Usual[2].Name, "2G", "--lun", domain.Path)).Refused("host id 3 ('vdsm-host-3')", "without a record of ours");
    }

    [Fact]
    public async Task What_cannot_be_adopted_is_said_before_anything_is_written()
    {
        using var full = await templates.CopyAsync();
        full.Lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "--autobackup", "n", "-l", "100%FREE", "-n", "all_the_rest", OvirtDomain.Uuid);
        await RefusedAsync(full, "one free extent", "Delete a volume");

        using var single = await templates.CopyAsync();
        single.Lun.Lvm.MustRun("vgchange", "--autobackup", "n", "--vgmetadatacopies", "1", OvirtDomain.Uuid);
        await RefusedAsync(single, "two used metadata copies", "pvchange --metadataignore n");

        using var lost = await templates.CopyAsync();
        (await CliSpm.RunAsync([.. Adopt, "--lun", lost.Path, "--yes"])).Succeeded();
        lost.Lun.Lvm.MustRun("lvremove", "-y", "--autobackup", "n", $"{OvirtDomain.Uuid}/spm");
        await RefusedAsync(lost, "was adopted before", "'spm' is gone", "vgchange --deltag");

        (await CliSpm.RunAsync("domain", "adopt", "--lun", single.Path, "--io-timeout", "0")).Misused("io timeout");
    }

    static async Task RefusedAsync(OvirtDomain domain, params string[] words)
    {
        var before = domain.Lun.Fingerprint();
        (await CliSpm.RunAsync([.. Adopt, "--lun", domain.Path, "--yes"])).Refused(words);
        Assert.Equal(before, domain.Lun.Fingerprint());
    }

    /// <summary>oVirt's own: mailboxes, master file system, its tags, the LV that is no disk, the contents of its images.</summary>
    static string Foreign(OvirtDomain domain) => string.Join('\n',
    [
        .. new[] { "inbox", "outbox", "master", OvirtDomain.Stray, OvirtVolume.Usual[0].Name, OvirtVolume.Usual[1].Name }
            .Select(name => $"{name} {domain.Lun.Fingerprint(domain.OffsetOf(name), domain.OffsetOf(name) + (128 * CliLun.Mib))}"),
        .. domain.GroupTags().Where(tag => !tag.StartsWith("SPM_", StringComparison.Ordinal)),
    ]);

    static async Task SanlockReadsAsync(OvirtDomain domain)
    {
        var (code, text) = await SanlockTool.DirectAsync("read_leader", "-r", domain.SpmLease);
        Assert.Equal((0, "SDM", "0"), (code, SanlockTool.Field(text, "resource_name"), SanlockTool.Field(text, "timestamp")));
        var lease = (await CliSpm.RunAsync("lease", "show", "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.Equal($"{lease.GetProperty("version")}", SanlockTool.Field(text, "lver"));
        (code, text) = await SanlockTool.DirectAsync("dump", $"{domain.Lun.Image}:{domain.OffsetOf("leases")}:{1024 * CliLun.Mib}");
        Assert.Equal(0, code);
        Assert.All(OvirtVolume.Usual.Where(volume => volume.Slot != 4), volume => Assert.Contains($" {volume.Name} ", text, StringComparison.Ordinal));
    }
}
