using System.Diagnostics;
using System.Globalization;

namespace OvirtSpm.Interop.Cli;

/// <summary>Space goes back to what the LUN lies in: the file's blocks, through a loop device and without one.</summary>
public sealed class CliDiscardTests
{
    const string Uuid = "bbbbbbbb-0000-4000-8000-00000000000d";

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task What_a_deleted_volume_held_is_given_back_to_the_storage(bool loop, bool wipe)
    {
        using var lun = loop ? CliLun.LoopOf(12 * CliLun.Gib) : CliLun.Of(12 * CliLun.Gib);
        await lun.CreateDomainAsync();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero", "--uuid", Uuid)).Succeeded();
        var segments = (await CliSpm.RunAsync("volume", "extend", Uuid, "256M", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("segments");
        foreach (var segment in segments.EnumerateArray())
        {
            lun.Write(segment.GetProperty("pvOffsetBytes").GetInt64(), new byte[segment.GetProperty("lengthBytes").GetInt64()].Select((_, i) => (byte)(i >> 12 | 1)).ToArray());
        }
        var before = AllocatedBytes(lun.Image);
        var deleted = (await CliSpm.RunAsync(["volume", "delete", Uuid, "--lun", lun.Path, "--discard", .. wipe ? new[] { "--wipe" } : []])).Succeeded();
        Assert.DoesNotContain("takes no discards", deleted.Error, StringComparison.Ordinal);
        // The journal and the metadata wrote a little meanwhile.
        Assert.InRange(before - AllocatedBytes(lun.Image), 240 * CliLun.Mib, 257 * CliLun.Mib);
        Assert.Empty((await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray());
    }

    static long AllocatedBytes(string file)
    {
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b", file]) { RedirectStandardOutput = true })!;
        var blocks = long.Parse(stat.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture);
        stat.WaitForExit();
        return blocks * 512;
    }
}
