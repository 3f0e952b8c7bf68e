using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Linux;

/// A device is known by the uuid in its label, wherever it is; two different ones with the same label are used by nobody.
public sealed class DeviceFinderTests : IDisposable
{
    static readonly LvmUuid Pv = LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)5, LvmUuid.Length)]);

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("spm-find-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("a path")]
    [InlineData("a directory")]
    [InlineData("a pattern")]
    [InlineData("where it was added")]
    public async Task It_is_found_among_others_that_are_no_such_device(string how)
    {
        var path = await DeviceAsync("wanted.img");
        File.WriteAllText(At("text"), "not a device");
        Directory.CreateDirectory(At("folder"));
        var finder = Finder(how switch { "a path" => [path, At("nowhere")], "a directory" => [folder.FullName], "a pattern" => [At("want*")], _ => [At("text")] });
        var (found, _) = await finder.FindAsync(Pv, how == "where it was added" ? path : "/dev/mapper/elsewhere");
        using (found)
        {
            Assert.Equal(path, found?.Path);
        }
    }

    [Fact]
    public async Task What_is_not_there_is_said_and_what_has_another_uuid_is_not_taken()
    {
        var path = await DeviceAsync("wanted.img");
        var other = LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)6, LvmUuid.Length)]);
        Assert.Null((await Finder(path).FindAsync(other, path)).Device);
        var (none, problem) = await Finder().FindAsync(Pv, "memory");
        Assert.Null(none);
        Assert.Contains("--device", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_devices_with_the_same_label_are_not_chosen_between_but_two_paths_to_one_are_no_two_devices()
    {
        var path = await DeviceAsync("wanted.img");
        File.CreateSymbolicLink(At("alias.img"), path);
        var (found, _) = await Finder(path, At("alias.img")).FindAsync(Pv, path);
        Assert.NotNull(found);
        found.Dispose();

        // A snapshot of the storage, or a path below a multipath device.
        File.Copy(path, At("copy.img"));
        var (none, problem) = await Finder(path, At("copy.img")).FindAsync(Pv, path);
        Assert.Null(none);
        Assert.Contains("different devices", problem, StringComparison.Ordinal);
        Assert.Null((await Finder(At("copy.img")).FindAsync(Pv, path)).Device);
    }

    [Fact]
    public void Only_what_was_given_is_opened_to_be_added()
    {
        var path = At("new.img");
        using (var file = File.Create(path))
        {
            file.SetLength(1 << 20);
        }
        Finder(folder.FullName).Open(path).Dispose();
        Finder(path).Open(path).Dispose();
        Assert.Equal(RefusalCode.Conflict, Assert.Throws<Refusal>(() => Finder(At("other")).Open(path)).Code);
    }

    DeviceFinder Finder(params string[] given) => new(given, At("first.img"), readOnly: false, sectorSize: null);

    string At(string name) => Path.Combine(folder.FullName, name);

    async Task<string> DeviceAsync(string name)
    {
        var path = At(name);
        using (var file = File.Create(path))
        {
            file.SetLength(16 << 20);
        }
        using var lun = Lun.Open(path);
        var (made, problem) = await NewPhysicalVolume.PrepareAsync(
            lun.Metadata, LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)7, LvmUuid.Length)]), Pv, 1 << 20, 1 << 20, wipe: false);
        Assert.True(made is not null, problem);
        Assert.True(await made!.WriteAsync(new CreationGuard()));
        return path;
    }
}
