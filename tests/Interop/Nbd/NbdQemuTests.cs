using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OvirtSpm.Node.Activation;
using static OvirtSpm.Interop.Nbd.NbdTool;

namespace OvirtSpm.Interop.Nbd;

/// <summary>Our server against QEMU's own client.</summary>
public class NbdQemuTests(ITestOutputHelper output)
{
    const int MiB = NbdVolume.MiB;

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task What_qemu_io_writes_is_on_the_lun_at_the_mapped_place(int sectorSize)
    {
        Needs("qemu-io");
        await using var volume = new NbdVolume(lunMiB: 64, extents: 4, maximumBytes: 16 * MiB, sectorSize, fill: 0xEE);
        await IoAsync(
            volume.Raw(), "write -P 0x11 0 64k", "write -P 0x22 3M 2M", "write -f -P 0x33 8188k 8k", "write -z 4M 512k", "write -z -u 6M 1M",
            "aio_write -P 0x44 10M 1M", "aio_write -P 0x55 12M 1M", "aio_flush", "flush", "discard 15M 1M",
            "read -P 0x11 0 64k", "read -P 0x22 3M 1M", "read -P 0 4M 512k", "read -P 0 6M 1M", "read -P 0x44 10M 1M", "read -P 0xEE 1M 1M");
        var expected = new byte[16 * MiB];
        Array.Fill(expected, (byte)0xEE);
        Fill(0, 64 << 10, 0x11);
        Fill(3 * MiB, 2 * MiB, 0x22);
        Fill(8188 << 10, 8 << 10, 0x33);
        Fill(4 * MiB, 512 << 10, 0);
        Fill(6 * MiB, MiB, 0);
        Fill(10 * MiB, MiB, 0x44);
        Fill(12 * MiB, MiB, 0x55);
        Assert.True(expected.AsSpan().SequenceEqual(volume.Stored(0, 16 * MiB)));
        Assert.True(volume.OutsideIs(0xEE));
        void Fill(int offset, int length, byte value) => expected.AsSpan(offset, length).Fill(value);
    }

    [Fact]
    public async Task Qemu_img_info_and_map_see_the_maximum_size_and_the_hole_behind_the_end()
    {
        Needs("qemu-img");
        await using var volume = new NbdVolume(lunMiB: 64, extents: 2, maximumBytes: 1L << 30);
        using var info = JsonDocument.Parse(await RunAsync("qemu-img", "info", "--output=json", "-f", "raw", volume.Uri));
        Assert.Equal(1L << 30, info.RootElement.GetProperty("virtual-size").GetInt64());
        using var map = JsonDocument.Parse(await RunAsync("qemu-img", "map", "--output=json", "-f", "raw", volume.Uri));
        var runs = map.RootElement.EnumerateArray().Select(run => (
            run.GetProperty("start").GetInt64(), run.GetProperty("length").GetInt64(), run.GetProperty("data").GetBoolean(), run.GetProperty("zero").GetBoolean()));
        Assert.Equal([(0L, 8L * MiB, true, false), (8L * MiB, (1L << 30) - 8 * MiB, false, true)], runs);
        Assert.Empty(volume.Asked);
    }

    [Fact]
    public async Task A_qcow2_made_and_filled_through_the_server_grows_the_volume_and_is_sound()
    {
        Needs("qemu-img", "qemu-io");
        await using var volume = new NbdVolume(lunMiB: 256, extents: 1, maximumBytes: 80 * MiB, growByItself: true, fill: 0xEE);
        await RunAsync("qemu-img", "create", "-f", "qcow2", volume.Uri, "64M");
        Assert.Equal(1, volume.Export.AllocatedBytes / NbdVolume.ExtentBytes);
        await IoAsync(volume.Qcow2, "write -P 0x61 0 20M", "write -P 0x62 40M 3M", "write -z 1M 1M", "write -P 0x63 63M 1M", "flush");
        await RunAsync("qemu-img", "check", "--image-opts", volume.Qcow2);
        await IoAsync(volume.Qcow2, "read -P 0x61 0 1M", "read -P 0 1M 1M", "read -P 0x61 2M 18M", "read -P 0 20M 20M", "read -P 0x62 40M 3M", "read -P 0x63 63M 1M");
        Assert.InRange(volume.Export.AllocatedBytes, 24 * MiB, 32 * MiB);

        // The same image taken straight from the LUN, without our server.
        var allocated = (int)volume.Export.AllocatedBytes;
        await File.WriteAllBytesAsync(volume.Beside("copy.qcow2"), volume.Stored(0, allocated));
        await RunAsync("qemu-img", "check", "-f", "qcow2", volume.Beside("copy.qcow2"));
        await RunAsync("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", volume.Beside("copy.qcow2"), volume.Uri);
        Assert.True(volume.OutsideIs(0xEE));
    }

    [Fact]
    public async Task Qemu_img_convert_copies_in_and_out()
    {
        Needs("qemu-img");
        await using var volume = new NbdVolume(lunMiB: 128, extents: 1, maximumBytes: 24 * MiB, growByItself: true, fill: 0xEE);
        var source = new byte[24 * MiB];
        new Random(1).NextBytes(source.AsSpan(0, 10 * MiB));
        await File.WriteAllBytesAsync(volume.Beside("in.raw"), source);
        await RunAsync("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", volume.Beside("in.raw"), volume.Uri);
        await RunAsync("qemu-img", "compare", "-f", "raw", "-F", "raw", volume.Beside("in.raw"), volume.Uri);
        await RunAsync("qemu-img", "convert", "-f", "raw", "-O", "raw", volume.Uri, volume.Beside("out.raw"));
        var copied = await File.ReadAllBytesAsync(volume.Beside("out.raw"));
        Assert.True(source.AsSpan().SequenceEqual(copied));
        Assert.True(source.AsSpan(0, (int)volume.Export.AllocatedBytes).SequenceEqual(volume.Stored(0, (int)volume.Export.AllocatedBytes)));
    }

    [Fact]
    public async Task A_write_past_the_end_waits_until_the_volume_has_grown()
    {
        Needs("qemu-io");
        await using var volume = new NbdVolume(lunMiB: 64, extents: 1, maximumBytes: 16 * MiB);
        var writer = Start("qemu-io", [.. Io(volume.Raw(), "write -P 0x77 3M 2M", "read -P 0x77 3M 2M")]);
        await HeldAsync(volume);
        Assert.False(writer.HasExited);
        Assert.Equal(5 * MiB, volume.Asked[0]);
        volume.GrowTo(2);
        Assert.Contains("wrote 2097152/2097152", await EndAsync(writer));
        Assert.All(volume.Stored(3 * MiB, 2 * MiB), value => Assert.Equal(0x77, value));
    }

    [Fact]
    public async Task A_write_that_waited_too_long_is_out_of_space_for_qemu_and_the_next_one_works()
    {
        Needs("qemu-io");
        await using var volume = new NbdVolume(lunMiB: 64, extents: 1, maximumBytes: 16 * MiB, holdLimit: TimeSpan.FromMilliseconds(300));
        Assert.Contains("No space left on device", await EndAsync(Start("qemu-io", [.. Io(volume.Raw(), "write 4M 64k")])));
        volume.GrowTo(2);
        await IoAsync(volume.Raw(), "write -P 1 4M 64k", "read -P 1 4M 64k");
    }

    [Fact]
    public async Task A_stopped_server_that_comes_back_gets_the_held_write_again()
    {
        Needs("qemu-io");
        await using var volume = new NbdVolume(lunMiB: 64, extents: 1, maximumBytes: 16 * MiB);
        var writer = Start("qemu-io", [.. Io(volume.Raw(reconnectDelay: 30), "write -P 0x77 4M 1M", "read -P 0x77 4M 1M")]);
        await HeldAsync(volume);
        Assert.True(await volume.StopAsync());
        Assert.Equal(0, volume.Export.HeldWrites);
        volume.Start();
        await HeldAsync(volume);
        volume.GrowTo(2);
        Assert.Contains("wrote 1048576/1048576", await EndAsync(writer));
    }

    [Fact]
    public async Task A_killed_server_that_comes_back_is_not_noticed_by_a_writing_client()
    {
        Needs("qemu-io");
        using var server = new NbdServerProcess(volumeMiB: 64);
        var image = $"driver=raw,file.driver=nbd,file.export=vol,file.server.type=unix,file.server.path={server.SocketPath},file.reconnect-delay=30";
        var writer = Start("qemu-io", "--image-opts", image);
        writer.StandardInput.AutoFlush = true;
        // Its first connection has no delay to wait for a server: let it begin before anything is killed.
        await writer.StandardInput.WriteLineAsync("write -P 1 0 1M");
        while (!(await writer.StandardOutput.ReadLineAsync())!.Contains("wrote"))
        {
        }

        var said = writer.StandardOutput.ReadToEndAsync();
        // Writes are under way all the time, the server is killed in between; each byte says which write it came from.
        for (var i = 1; i < 60; i++)
        {
            await writer.StandardInput.WriteLineAsync($"aio_write -P {i + 1} {i}M 1M");
            if (i % 15 == 0)
            {
                server.Kill();
                await writer.StandardInput.WriteLineAsync($"aio_write -P {i + 1} {i}M 1M");
                server.Start();
            }
        }

        await writer.StandardInput.WriteLineAsync("aio_flush\nflush");
        writer.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await writer.WaitForExitAsync(patience.Token);
        var text = await said;
        Assert.True(writer.ExitCode == 0, text);
        Assert.DoesNotContain("rror", text);
        await IoAsync(image, [.. Enumerable.Range(0, 60).Select(i => $"read -P {i + 1} {i}M 1M")]);
        Assert.Equal(4, server.Lives);
    }

    [Fact]
    public async Task Sequential_writes_are_measured()
    {
        Needs("qemu-img");
        await using var volume = new NbdVolume(lunMiB: 1024, extents: 100, maximumBytes: 400 * MiB);
        foreach (var (name, options) in new[] { ("16 in flight", new[] { "-d", "16" }), ("1 in flight", ["-d", "1"]) })
        {
            var watch = Stopwatch.StartNew();
            var text = await RunAsync("qemu-img", ["bench", "-w", "-t", "none", "-f", "raw", "-s", "1M", "-c", "384", .. options, volume.Uri]);
            var line = text.Split('\n').Single(one => one.StartsWith("Run completed", StringComparison.Ordinal));
            var seconds = double.Parse(line.Split(' ')[3], CultureInfo.InvariantCulture);
            output.WriteLine($"sequential 1 MiB writes, {name}: {384 / seconds:F0} MiB/s through the server ({watch.Elapsed.TotalSeconds:F2} s)");
            Assert.Equal(0, volume.Export.OutstandingWrites);
        }

        // The same on the file itself, for comparison.
        var direct = await RunAsync("qemu-img", "bench", "-w", "-t", "none", "-f", "raw", "-s", "1M", "-c", "384", "-d", "16", volume.LunPath);
        output.WriteLine("straight on the file: " + direct.Split('\n').Single(one => one.StartsWith("Run completed", StringComparison.Ordinal)));
    }

    static async Task HeldAsync(NbdVolume volume)
    {
        var watch = Stopwatch.StartNew();
        while (volume.Export.HeldWrites == 0)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), "No write was held within 20 s.");
            await Task.Delay(5);
        }
    }
}
