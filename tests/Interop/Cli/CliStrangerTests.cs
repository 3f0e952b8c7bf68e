using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Interop.Cli;

public sealed class CliStrangerTests
{
    [Fact]
    public async Task Beside_a_host_without_a_record_of_ours_nothing_is_written_to_the_volume_group()
    {
        using var lun = await CliLun.WithDomainAsync();
        var layout = await CliLayout.ReadAsync(lun);
        var sector = lun.Read(layout.HostId(5), layout.SectorSize);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.HostId, sector, out var free));
        // As sanlock writes it for VDSM: the host id is held, and our volume `spm` knows nothing of it.
        (free! with { OwnerId = 5, OwnerGeneration = 1, Resource = LeaseName.Of("4c4c4544-0042-vdsm"), Timestamp = 12345 }).Format(sector);
        lun.Write(layout.HostId(5), sector);
        var texts = Texts(lun, layout);

        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero"))
            .Refused("host id 5 ('4c4c4544-0042-vdsm')", "without a record of ours", "--wait");
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("host id 5");
        Assert.Equal(texts, Texts(lun, layout));
        var lease = (await CliSpm.RunAsync("lease", "show", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(0, lease.GetProperty("version").GetInt64());
    }

    static string Texts(CliLun lun, CliLayout layout) => lun.Fingerprint(layout.Header(0), layout.Header(0) + 128 * CliLun.Mib);
}
