using OvirtSpm.Interop.Demo;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Interop.Cli;

/// <summary>One place of a LUN is damaged at a time; every verb either works around it or says which place and why.</summary>
public sealed class CliGarbageTests
{
    /// <param name="Survivable">Redundancy carries it: reading verbs succeed.</param>
    /// <param name="Kept">Nobody may write there: what cannot be believed is not repaired by a verb that meets it.</param>
    sealed record Place(string Name, bool Survivable, bool Kept, params (long OffsetBytes, int LengthBytes)[] Ranges);

    sealed record Case(Place Place, string Fill, int Number)
    {
        public override string ToString() => $"{Place.Name} filled with {Fill}";
    }

    static readonly string[] Fills = ["random", "zeros", "another domain's bytes", "a torn half"];

    static readonly string[][] Readers = [["domain", "info"], ["volume", "info", "thin"], ["lease", "show"], ["volume", "list", "--json"]];

    [Fact]
    public async Task Whatever_one_place_of_the_LUN_holds_every_verb_ends_with_success_or_a_reason()
    {
        DemoTools.Need("qemu-img");
        using var lun = await CliLun.WithDomainAsync();
        using var other = await CliLun.WithDomainAsync();
        await Task.WhenAll(new[] { lun, other }.Select(async one =>
        {
            (await CliSpm.RunAsync("volume", "create", "--lun", one.Path, "--size", "1G", "--alias", "thin")).Succeeded();
            (await CliSpm.RunAsync("volume", "create", "--lun", one.Path, "--size", "256M", "--format", "raw", "--no-zero", "--alias", "thick")).Succeeded();
        }));
        var layout = await CliLayout.ReadAsync(lun);
        var cases = Places(layout).SelectMany((place, at) => Fills.Select((fill, number) => new Case(place, fill, at * Fills.Length + number)));
        await CliMany.EachAsync(cases, one => JudgeAsync(lun, other, one));
    }

    static async Task JudgeAsync(CliLun pristine, CliLun other, Case one)
    {
        using var lun = pristine.Copy();
        foreach (var (offset, length) in one.Place.Ranges)
        {
            lun.Write(offset, Garbage(one, pristine, other, offset, length));
        }
        var damaged = one.Place.Ranges.Select(range => lun.Read(range.OffsetBytes, range.LengthBytes)).ToList();
        var before = lun.Fingerprint();

        var check = (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).IsCivil();
        // In turn over the fills: every verb meets every place, and which fill it meets differs from place to place.
        await ReadAsync(lun, one, Readers[(one.Number + one.Number / Fills.Length) % Readers.Length]);
        Assert.True(before == lun.Fingerprint(), "a reading verb wrote");
        if (check.ExitCode == 1)
        {
            Assert.Contains("WRONG", check.Output, StringComparison.Ordinal);
        }

        var create = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero", "--json")).IsCivil();
        if (create.ExitCode == 0)
        {
            Assert.Equal(3, (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.GetArrayLength());
        }
        else
        {
            create.Refused(" ");
            Assert.True(create.Took < TimeSpan.FromSeconds(45), create.ToString());
            var list = (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).IsCivil();
            // Refused, the volumes that were there are there, and no new one; unless nothing could be read from the start.
            Assert.True(list.ExitCode == 0 ? list.Json.GetArrayLength() == 2 : !one.Place.Survivable, list.ToString());
        }
        if (one.Place.Kept)
        {
            Assert.True(damaged.Zip(one.Place.Ranges).All(pair => pair.First.AsSpan().SequenceEqual(lun.Read(pair.Second.OffsetBytes, pair.Second.LengthBytes))),
                $"what cannot be believed was written over\n{create}");
        }
    }

    static async Task<CliResult> ReadAsync(CliLun lun, Case one, params string[] verb)
    {
        var result = (await CliSpm.RunAsync([.. verb, "--lun", lun.Path])).IsCivil();
        Assert.True(result.Took < TimeSpan.FromSeconds(20), result.ToString());
        if (one.Place.Survivable)
        {
            result.Succeeded();
        }
        return result.ExitCode == 0 ? result : result.Refused(" ");
    }

    static byte[] Garbage(Case one, CliLun pristine, CliLun other, long offset, int length)
    {
        var bytes = new byte[length];
        switch (one.Fill)
        {
            case "random":
                new Random(one.Number).NextBytes(bytes);
                break;
            case "another domain's bytes":
                bytes = other.Read(offset, length);
                break;
            case "a torn half":
                bytes = pristine.Read(offset, length);
                // The first half: behind the record of a lease or a label the rest of its sector says nothing.
                new Random(one.Number).NextBytes(bytes.AsSpan(0, length / 2));
                break;
        }
        return bytes;
    }

    static Place[] Places(CliLayout at)
    {
        var sector = at.SectorSize;
        var (first, second) = (at.Text(0), at.Text(1));
        return
        [
            new("the label", false, true, (512, 512)),
            new("metadata header 1", true, false, (at.Header(0), 512)),
            new("metadata header 2", true, false, (at.Header(1), 512)),
            new("metadata text 1", true, false, first),
            new("metadata text 2", true, false, second),
            new("both metadata headers", false, true, (at.Header(0), 512), (at.Header(1), 512)),
            new("both metadata texts", false, true, first, second),
            new("the superblock of spm", false, true, (at.Superblock, sector)),
            new("both superblocks of spm", false, true, (at.Superblock, sector), (at.Superblock + SpmLayout.SuperblockCopyOffsetBytes, sector)),
            new("the host records of id 240", true, false, (at.HostRecord(240, 0), sector), (at.HostRecord(240, 1), sector)),
            new("the host records of id 1", true, true, (at.HostRecord(1, 0), sector), (at.HostRecord(1, 1), sector)),
            new("the activation map of id 240", true, true, (at.Map(240), sector), (at.Map(240, 1), sector)),
            new("the activation map of id 1", true, true, (at.Map(1), sector)),
            new("the text of slot 1", false, true, (at.Slot(1), 512)),
            new("the record of slot 1", true, true, (at.Slot(1) + 512, 512)),
            new("the sector of host id 1", true, true, (at.HostId(1), sector)),
            new("the sector of host id 240", true, true, (at.HostId(240), sector)),
            new("the leader of the SPM lease", true, true, (at.SpmLease, sector)),
            new("the vote of host id 7", true, true, (at.Vote(7), sector)),
        ];
    }
}
