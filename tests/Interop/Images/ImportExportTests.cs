using System.Text;
using OvirtSpm.Interop.Cli;
using OvirtSpm.Interop.Qemu;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Images;

/// <summary>Disks into a LUN and out of it; QEMU says whether they are the same.</summary>
public sealed class ImportExportTests
{
    const string Lost = "bbbbbbbb-0000-0000-0000-00000000dead";

    [Fact]
    public async Task Every_format_comes_in_and_goes_out_as_the_same_disk_with_its_holes()
    {
        using var files = new CliScratch();
        var disk = await DiskAsync(files);
        using var empty = await CliLun.WithDomainAsync();
        (string Name, string Format, string Options)[] sources =
        [
            ("plain", "raw", ""), ("qcow2", "qcow2", ""), ("dynamic", "vpc", "subformat=dynamic,force_size=on"), ("fixed", "vpc", "subformat=fixed,force_size=on"),
            ("foreign", "vpc", "subformat=dynamic,force_size=on"), ("sparse", "vmdk", "subformat=monolithicSparse"), ("stream", "vmdk", "subformat=streamOptimized"),
        ];
        string[] outs = ["raw", "qcow2", "vpc", "vmdk"];
        await CliMany.EachAsync(Enumerable.Range(0, sources.Length), async index =>
        {
            using var lun = empty.Copy();
            var (name, format, options) = sources[index];
            var source = files.PathOf(name);
            string[] given = options.Length == 0 ? [] : ["-o", options];
            await ImgAsync(["convert", "-f", "raw", "-O", format, .. given, disk, source]);
            if (name == "foreign")
            {
                MadeBy("vbox", source);
            }
            // A raw volume has whole extents, a thin one the size of the disk.
            var become = index == 0 ? "raw" : "cow";
            var made = (await CliSpm.RunAsync("volume", "import", source, "--format", name == "fixed" ? "vhd" : format, "--as", become, "--alias", name, "--lun", lun.Path, "--json")).Succeeded().Json;
            Assert.Equal(("ready", become, name), (made.GetProperty("state").GetString(), made.GetProperty("format").GetString(), made.GetProperty("alias").GetString()));
            Assert.Equal(become == "raw" ? 128 << 20 : 40 << 20, made.GetProperty("virtualSizeBytes").GetInt64());

            var (back, outFormat) = (files.PathOf(name + "-back"), outs[index % outs.Length]);
            var exported = (await CliSpm.RunAsync("volume", "export", name, back, "--format", outFormat, "--lun", lun.Path)).Succeeded();
            Assert.Contains(back, exported.Output, StringComparison.Ordinal);
            Assert.Contains("identical", await ImgAsync("compare", "-f", "raw", "-F", outFormat, disk, back), StringComparison.Ordinal);
            Assert.True(AllocatedBytes(back) < 8 << 20, $"{back} takes {AllocatedBytes(back)} bytes: the holes are gone");
            (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
        });
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(disk)!, ".*.part"));
    }

    [Fact]
    public async Task A_disk_that_is_not_whole_or_not_what_it_is_declared_to_be_is_refused_before_anything_is_written()
    {
        using var files = new CliScratch();
        var disk = await DiskAsync(files);
        using var lun = await CliLun.WithDomainAsync();
        var before = lun.Fingerprint();
        string At(string name) => files.PathOf(name);
        await ImgAsync("create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", At("layer"));
        await ImgAsync("create", "-q", "-f", "qcow2", "-o", $"data_file={At("data")}", At("divided"), "1M");
        await ImgAsync("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", disk, At("flat"));
        await ImgAsync("convert", "-f", "raw", "-O", "vmdk", At("raw"), At("base.vmdk"));
        await ImgAsync("create", "-q", "-f", "vmdk", "-b", At("base.vmdk"), "-F", "vmdk", At("delta"));
        await File.WriteAllBytesAsync(At("nothing"), [], TestContext.Current.CancellationToken);
        foreach (var (name, format, why) in new[]
        {
            ("layer", "qcow2", "backing file"), ("divided", "qcow2", "another file"), ("flat", "vmdk", "in other files"), ("delta", "vmdk", "parent"),
            ("raw", "qcow2", "magic"), ("raw", "vpc", "footer"), ("raw", "vmdk", "does not begin"), ("nothing", "raw", "empty"), ("absent", "raw", "could not find"),
        })
        {
            (await CliSpm.RunAsync("volume", "import", At(name), "--format", format, "--lun", lun.Path)).Refused(why);
        }
        (await CliSpm.RunAsync("volume", "import", disk, "--format", "raw", "--size", "1M", "--lun", lun.Path)).Misused("end of its disk would be lost");
        (await CliSpm.RunAsync("volume", "import", disk, "--lun", lun.Path)).Misused("--format");
        (await CliSpm.RunAsync("volume", "import", disk, "--format", "vdi", "--lun", lun.Path)).Misused("vdi");
        Assert.Equal(before, lun.Fingerprint());
    }

    [Fact]
    public async Task An_export_has_its_name_when_it_is_whole_and_replaces_nothing_unasked()
    {
        using var files = new CliScratch();
        var disk = await DiskAsync(files);
        using var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("volume", "import", disk, "--format", "raw", "--alias", "disk", "--size", "60M", "--lun", lun.Path)).Succeeded();
        var target = files.PathOf("target");
        await File.WriteAllTextAsync(target, "somebody's", TestContext.Current.CancellationToken);
        (await CliSpm.RunAsync("volume", "export", "disk", target, "--format", "raw", "--lun", lun.Path)).Refused("exists", "--force");
        (await CliSpm.RunAsync("volume", "export", "nobody", target, "--format", "raw", "--force", "--lun", lun.Path)).Refused("no volume");
        (await CliSpm.RunAsync("volume", "export", "disk", files.PathOf("no/where"), "--format", "raw", "--lun", lun.Path)).Misused("does not exist");
        Assert.Equal("somebody's", await File.ReadAllTextAsync(target, TestContext.Current.CancellationToken));
        (await CliSpm.RunAsync("volume", "export", "disk", target, "--format", "raw", "--force", "--lun", lun.Path)).Succeeded();
        // What was asked for behind the end of the source reads as zeros.
        Assert.Equal(60 << 20, new FileInfo(target).Length);
        Assert.Contains("identical", await ImgAsync("compare", "-f", "raw", "-F", "raw", disk, target), StringComparison.Ordinal);

        var measured = (await CliSpm.RunAsync("volume", "measure", "disk", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(60 << 20, measured.GetProperty("virtualSizeBytes").GetInt64());
        Assert.Equal((256 << 20, 128 << 20), (measured.GetProperty("cowBytes").GetInt64() + measured.GetProperty("rawBytes").GetInt64(), measured.GetProperty("cowMaximumBytes").GetInt64()));
        var outside = (await CliSpm.RunAsync("volume", "measure", "--file", disk, "--format", "raw", "--json")).Succeeded().Json;
        Assert.InRange(outside.GetProperty("contentBytes").GetInt64(), 3 << 20, 5 << 20);
        (await CliSpm.RunAsync("volume", "measure", "--file", disk)).Misused("measure what");
    }

    /// In the middle of the copy: the one is told to stop and tidies up, the other is tidied up after.
    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    public async Task An_import_that_is_ended_half_way_leaves_no_volume_and_takes_no_space(int signal)
    {
        using var files = new CliScratch();
        using var lun = await CliLun.WithDomainAsync();
        var layout = await CliLayout.ReadAsync(lun);
        var free = await FreeAsync(lun);
        var source = files.PathOf("large");
        // Enough that the copy takes longer than two looks at the LUN; what matters is that it is met at all.
        await File.WriteAllBytesAsync(source, Enumerable.Repeat((byte)0xA5, 1 << 20).ToArray(), TestContext.Current.CancellationToken);
        using (var grow = File.OpenWrite(source))
        {
            var block = new byte[1 << 20];
            new Random(3).NextBytes(block);
            for (var at = 0; at < 512; at++)
            {
                await grow.WriteAsync(block, TestContext.Current.CancellationToken);
            }
        }
        for (var attempt = 1; !await EndedHalfWayAsync(); attempt++)
        {
            Assert.True(attempt < 5, "none of five imports was met while it copied");
            // Wiped: what it left would look like the next one's copy.
            (await CliSpm.RunAsync("volume", "delete", Lost, "--wipe", "--lun", lun.Path)).Succeeded();
        }
        if (signal == 9)
        {
            var left = (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray().Single();
            Assert.Equal("initializing", left.GetProperty("state").GetString());
            (await CliSpm.RunAsync("volume", "export", Lost, files.PathOf("half"), "--format", "raw", "--lun", lun.Path)).Refused();
        }
        Assert.Equal("[]", (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Output.Trim());
        Assert.Equal(free, await FreeAsync(lun));
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();

        async Task<bool> EndedHalfWayAsync()
        {
            using var process = CliSpm.Start("volume", "import", source, "--format", "raw", "--uuid", Lost, "--lun", lun.Path);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            // The first commit names it, and the copy has begun when there is something behind the first extent's tables.
            while (!process.HasExited && lun.Read(layout.FirstFreeByte + (8 << 20), 4096).AsSpan().IndexOfAnyExcept((byte)0) < 0)
            {
                await Task.Delay(2, TestContext.Current.CancellationToken);
            }
            if (!process.HasExited)
            {
                ProcessIdentity.Of(process.Id)?.Signal(signal);
            }
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            await output;
            if (process.ExitCode != 0 && signal == 2)
            {
                Assert.Equal((1, "spm: stopped."), (process.ExitCode, (await error).Trim()));
            }
            return process.ExitCode != 0;
        }
    }

    /// <summary>A VHD of another program than QEMU: the same, with its name in both footers.</summary>
    static void MadeBy(string creator, string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        foreach (var at in new[] { 0, RandomAccess.GetLength(file) - 512 })
        {
            var footer = new byte[512];
            Assert.Equal(512, RandomAccess.Read(file, footer, at));
            Encoding.ASCII.GetBytes(creator).CopyTo(footer, 28);
            footer.AsSpan(64, 4).Clear();
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(64), ~(uint)footer.Sum(value => value));
            RandomAccess.Write(file, footer, at);
        }
    }

    static async Task<long> FreeAsync(CliLun lun) =>
        (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("freeBytes").GetInt64();

    /// <summary>40 MiB, of which 3 are not zeros.</summary>
    static async Task<string> DiskAsync(CliScratch files)
    {
        var path = files.PathOf("raw");
        var bytes = new byte[1 << 20];
        using (var file = File.Create(path))
        {
            file.SetLength(40 << 20);
            foreach (var at in new[] { 0L, 17 << 20, 39 << 20 })
            {
                new Random((int)at).NextBytes(bytes);
                file.Position = at;
                await file.WriteAsync(bytes, TestContext.Current.CancellationToken);
            }
        }
        return path;
    }

    static Task<string> ImgAsync(params string[] arguments) => QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), arguments);

    static long AllocatedBytes(string path)
    {
        using var du = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("du", ["-B1", path]) { RedirectStandardOutput = true })!;
        return long.Parse(du.StandardOutput.ReadToEnd().Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
