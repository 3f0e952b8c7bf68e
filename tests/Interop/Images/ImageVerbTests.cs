using System.Text.Json;
using OvirtSpm.Interop.Cli;

namespace OvirtSpm.Interop.Images;

/// <summary><c>spm image</c> and <c>spm bench image</c>, as a person and a program use them.</summary>
public sealed class ImageVerbTests
{
    [Fact]
    public async Task An_image_in_a_file_is_described_measured_checked_and_mapped()
    {
        using var qemu = new QemuImages();
        var path = await qemu.CreateAsync("disk", "", "1G");
        await qemu.WriteAsync(path, "write 0 64k", "write 512M 64k");

        var end = await CliSpm.RunAsync("image", "end", path, "--json");
        Assert.Equal("""{"endOffset":524288,"reads":3,"dirty":false,"method":"refcounts"}""", end.Succeeded().Output.Trim());
        (await CliSpm.RunAsync("image", "end", path)).Succeeded();
        var info = (await CliSpm.RunAsync("image", "info", path, "--json")).Succeeded().Json;
        Assert.Equal((1L << 30, 65536, 1), (info.GetProperty("virtualSizeBytes").GetInt64(), info.GetProperty("clusterSizeBytes").GetInt32(), info.GetProperty("reads").GetInt32()));
        Assert.Contains("1 GiB", (await CliSpm.RunAsync("image", "info", path)).Succeeded().Output);
        Assert.Equal(0, (await CliSpm.RunAsync("image", "check", path, "--json")).Succeeded().Json.GetProperty("corruptions").GetInt64());
        var map = (await CliSpm.RunAsync("image", "map", path, "--json")).Succeeded().Json.EnumerateArray().ToList();
        Assert.Equal([327680L, 458752L], map.Where(run => run.GetProperty("data").GetBoolean()).Select(run => run.GetProperty("offset").GetInt64()));
    }

    [Fact]
    public async Task What_is_no_image_is_refused_with_a_reason()
    {
        using var qemu = new QemuImages();
        var raw = qemu.PathOf("raw");
        await File.WriteAllBytesAsync(raw, new byte[1 << 20], TestContext.Current.CancellationToken);
        foreach (var verb in new[] { "info", "end", "check", "map" })
        {
            (await CliSpm.RunAsync("image", verb, raw)).Refused("does not begin with the magic", "name the format");
            (await CliSpm.RunAsync("image", verb, qemu.PathOf("absent"))).Refused("could not find");
            (await CliSpm.RunAsync("image", verb, Path.GetTempPath())).Refused("neither a block device nor a regular file");
        }
        (await CliSpm.RunAsync("image", "end")).Misused("name one image");

        var damaged = await qemu.CreateAsync("dirty", "lazy_refcounts=on", "1G");
        await qemu.WriteAndDieAsync(damaged, "write 0 1M");
        var check = (await CliSpm.RunAsync("image", "check", damaged)).Exits(1);
        Assert.Contains("corruptions", check.Output);
    }

    /// The extents of a volume need not lie together: what is read goes through the mapping, and no device-mapper is there to do it.
    [Fact]
    public async Task Every_cow_volume_of_a_domain_is_measured_on_the_LUN_without_activation()
    {
        using var qemu = new QemuImages();
        using var lun = await CliLun.WithDomainAsync();
        var names = new List<string>();
        foreach (var (alias, format) in new[] { ("first", "cow"), ("second", "cow"), ("plain", "raw") })
        {
            var made = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", format == "cow" ? "4G" : "128M", "--format", format, "--no-zero", "--alias", alias, "--json"));
            names.Add(made.Succeeded().Json.GetProperty("volume").GetString()!);
        }
        (await CliSpm.RunAsync("volume", "extend", "first", "3500M", "--lun", lun.Path)).Succeeded();
        Assert.True((await CliSegments.ReadAsync(lun, names[0])).Count > 1, "the volume lies in one piece, and the mapping is not tried");
        // Its second refcount block lies at 2 GiB; almost all of it is a hole.
        var image = await qemu.CreateAsync("written", "preallocation=metadata", "3G");
        var (report, _) = await qemu.CheckAsync(image);
        await CopyAsync(image, lun, names[0]);

        var ends = (await CliSpm.RunAsync("image", "end", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray().ToList();
        Assert.Equal(names.Take(2), ends.Select(end => end.GetProperty("volume").GetString()));
        Assert.Equal(report!.Value.GetProperty("image-end-offset").GetInt64(), ends[0].GetProperty("endOffset").GetInt64());
        Assert.Equal(262144, ends[1].GetProperty("endOffset").GetInt64());
        Assert.All(ends, end => Assert.Equal((3, "refcounts"), (end.GetProperty("reads").GetInt32(), end.GetProperty("method").GetString())));

        Assert.Equal("second", Assert.Single((await CliSpm.RunAsync("image", "end", "--lun", lun.Path, "--volume", "second", "--json")).Succeeded().Json.EnumerateArray()).GetProperty("alias").GetString());
        (await CliSpm.RunAsync("image", "end", "--lun", lun.Path, "--volume", "plain")).Misused("raw volume");
        (await CliSpm.RunAsync("image", "end", "--lun", lun.Path, "--volume", "nobody")).Refused("no volume");

        // One that cannot be read does not hide the others.
        var layout = await CliSegments.ReadAsync(lun, names[1]);
        lun.Write(layout[0].Offset, new byte[4096]);
        var partly = (await CliSpm.RunAsync("image", "end", "--lun", lun.Path, "--json")).Exits(1);
        Assert.Contains("magic", partly.Error);
        Assert.Equal(2, partly.Json.GetArrayLength());
        Assert.True(partly.Json[0].TryGetProperty("endOffset", out _) && !partly.Json[1].TryGetProperty("endOffset", out _));
    }

    /// The bound is a hundredth of what was measured on a quiet machine (about 50000), and the one that was asked for.
    [Fact]
    public async Task The_end_of_a_tebibyte_is_found_a_hundred_times_faster_than_qemu_img_check_finds_it()
    {
        using var qemu = new QemuImages();
        var result = Assert.Single((await CliSpm.RunAsync("bench", "image", "--json")).Succeeded().Json.EnumerateArray());
        Assert.True(result.GetProperty("sameEnd").GetBoolean(), result.ToString());
        Assert.Equal((3, 1_099_679_662_080), (result.GetProperty("reads").GetInt32(), result.GetProperty("endOffset").GetInt64()));
        Assert.True(result.GetProperty("ratio").GetDouble() >= 100, result.ToString());
    }

    static async Task CopyAsync(string image, CliLun lun, string volume)
    {
        using var from = File.OpenHandle(image);
        var length = RandomAccess.GetLength(from);
        var at = 0L;
        var buffer = new byte[4 << 20];
        foreach (var (offset, bytes) in await CliSegments.ReadAsync(lun, volume))
        {
            for (var done = 0L; done < bytes && at < length;)
            {
                var count = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - done)), at);
                if (buffer.AsSpan(0, count).IndexOfAnyExcept((byte)0) >= 0)
                {
                    lun.Write(offset + done, buffer.AsSpan(0, count));
                }
                (at, done) = (at + count, done + count);
            }
        }
        Assert.True(at >= length, "the volume is too small for the image");
    }
}
