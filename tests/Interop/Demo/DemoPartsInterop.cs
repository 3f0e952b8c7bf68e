using OvirtSpm.Node.Demo;
using OvirtSpm.Node.Demo.Verification;

namespace OvirtSpm.Interop.Demo;

/// <summary>The demo's own tools against the real ones: QEMU, qemu-img, qemu-nbd, lvm2, the kernel's loop devices.</summary>
public sealed class DemoPartsInterop
{
    [Fact]
    public async Task A_real_QEMU_takes_the_pattern_and_gives_it_back_through_another_block_layer()
    {
        DemoTools.Need("qemu-system-x86_64", "qemu-img", "qemu-nbd");
        using var run = RunDirectory.Create(null, 1 << 28);
        using var children = new ChildProcesses(run);
        var (image, socket) = (run.At("image"), run.At("volume"));
        await Done(children, "qemu-img", "create", "-q", "-f", "qcow2", image, "1G");
        // As large as the image can become: an NBD export does not grow by being written to.
        await using (var room = new FileStream(image, FileMode.Open, FileAccess.Write))
        {
            room.SetLength(1200 << 20);
        }
        var blockDevice = $"driver=nbd,node-name=v,server.type=unix,server.path={socket},export=vol,reconnect-delay=10";
        var pattern = new PatternData(Guid.NewGuid());
        const long Written = 48 << 20;

        var server = await children.StartAsync("server", "qemu-nbd", "-f", "raw", "-t", "-k", socket, "-x", "vol", image);
        await Appears(socket);
        await using (var qemu = await DemoQemu.StartAsync(children, run, "guest", blockDevice, default))
        {
            var disk = await qemu.OpenDiskAsync(default);
            Assert.Equal(1 << 30, disk.SizeBytes);
            var writer = new GuestWriter(disk, pattern, WritePlan.Unpaced(Written));
            await writer.RunAsync(Task.CompletedTask, default);
            Assert.Equal((Written, 0L), (writer.WrittenBytes, writer.Errors));
            await disk.DisposeAsync();
            await qemu.QuitAsync(default);
        }
        Assert.True(await ImageCheck.RunAsync(children, "guest", blockDevice, default) is { Ok: true });
        Assert.True((await ContentCheck.RunAsync(children, run, "guest", blockDevice, pattern, Written, default)).Ok);

        // A check that cannot fail confirms nothing: another volume's pattern, one byte too many, an image with a broken header.
        var foreign = await ContentCheck.RunAsync(children, run, "guest2", blockDevice, new PatternData(Guid.NewGuid()), Written, default);
        Assert.False(foreign.Ok);
        Assert.Contains("offset ", foreign.What, StringComparison.Ordinal);
        Assert.False((await ContentCheck.RunAsync(children, run, "guest3", blockDevice, pattern, Written + 16, default)).Ok);
        await server.EndAsync(TimeSpan.FromSeconds(10));
        await using (var damage = new FileStream(image, FileMode.Open, FileAccess.Write))
        {
            damage.Position = 48; // refcount table offset
            damage.Write(new byte[8]);
        }
        await children.StartAsync("server2", "qemu-nbd", "-f", "raw", "-t", "-k", socket, "-x", "vol", image);
        await Appears(socket);
        Assert.False((await ImageCheck.RunAsync(children, "guest", blockDevice, default)).Ok);
    }

    [Fact]
    public async Task A_loop_device_lives_exactly_as_long_as_it_is_held()
    {
        DemoTools.NeedRoot();
        using var run = RunDirectory.Create(null, 1 << 28);
        using var children = new ChildProcesses(run);
        var file = run.At("lun");
        await using (var lun = new FileStream(file, FileMode.CreateNew, FileAccess.Write))
        {
            lun.SetLength(1 << 20);
            lun.Write("first sector"u8);
        }
        string path;
        using (var loop = LoopDevice.Attach(file, 512))
        {
            path = loop.Path;
            Assert.Contains(file, await File.ReadAllTextAsync(BackingFile(path)), StringComparison.Ordinal);
            var seen = await children.RunAsync("head", ["-c", "12", path], TimeSpan.FromSeconds(10), default);
            Assert.Equal("first sector", seen.Output);
        }
        Assert.False(File.Exists(BackingFile(path)) && (await File.ReadAllTextAsync(BackingFile(path))).Contains(file, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stock_lvm2_finds_no_volume_group_on_an_empty_device_and_says_so()
    {
        DemoTools.NeedRoot();
        DemoTools.Need("vgck");
        using var run = RunDirectory.Create(null, 1 << 28);
        using var children = new ChildProcesses(run);
        var file = run.At("lun");
        await using (var lun = new FileStream(file, FileMode.CreateNew, FileAccess.Write))
        {
            lun.SetLength(64 << 20);
        }
        using var device = VerificationDevice.Open(file);
        var fact = LvmCheck.Group(await new Lvm(children, run, device.Path).CheckAsync("nothing", default), "nothing");
        Assert.False(fact.Ok);
        Assert.Contains("not found", fact.What, StringComparison.Ordinal);
    }

    static string BackingFile(string loop) => $"/sys/block/{Path.GetFileName(loop)}/loop/backing_file";

    static async Task Done(ChildProcesses children, string program, params string[] arguments)
    {
        var outcome = await children.RunAsync(program, arguments, TimeSpan.FromSeconds(60), default);
        Assert.True(outcome.ExitCode == 0, outcome.Excerpt);
    }

    static async Task Appears(string socket)
    {
        for (var attempt = 0; !File.Exists(socket) && attempt < 1000; attempt++)
        {
            await Task.Delay(10);
        }
    }
}
