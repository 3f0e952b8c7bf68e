using System.Text;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class BackupTextTests
{
    public static TheoryData<string> Folders => new(FixtureFolder.All.Where(name => !name.StartsWith("f11", StringComparison.Ordinal)));

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task A_text_and_a_backup_of_it_say_the_same(string folder)
    {
        var current = (await MetadataReader.ReadAsync(new FixtureFolder(folder).Pvs())).Copies.First(copy => copy.State is CopyState.Current).Text;
        Assert.Null(BackupText.TryRead(current, out var asText));
        Assert.Null(BackupText.TryRead(AsBackup(current), out var asBackup));
        Assert.Equal((asText!.Uuid, asText.Version, asText.Description), (asBackup!.Uuid, asBackup.Version, asBackup.Description));
        Assert.Equal(asText.LogicalVolumes.Select(Facts), asBackup.LogicalVolumes.Select(Facts));
        Assert.Equal(asText.WriteRefusal is null, asBackup.WriteRefusal is null);
        Assert.Empty(MetadataDifference.Between(asText, asText));
    }

    [Fact]
    public async Task Whatever_a_file_holds_it_is_read_or_refused()
    {
        var text = (await MetadataReader.ReadAsync(new FixtureFolder("f03-tags").Pvs())).Copies[0].Text.ToArray();
        var backup = AsBackup(text);
        for (var seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            var bytes = (byte[])(seed % 2 == 0 ? text : backup).Clone();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            var problem = BackupText.TryRead(bytes.AsMemory(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length), out var group);
            Assert.True(problem is null == group is not null, $"seed {seed}: {problem}");
        }
        Assert.Contains("2 volume groups", BackupText.TryRead(Encoding.ASCII.GetBytes("version = 1\na {\n}\nb {\n}\n"), out _));
        Assert.NotNull(BackupText.TryRead(Encoding.ASCII.GetBytes("version = 1\n"), out _));
        Assert.NotNull(BackupText.TryRead(default, out _));
    }

    /// <summary>Contents and version first, every line of the group indented and some commented, as vgcfgbackup prints it.</summary>
    private static byte[] AsBackup(ReadOnlyMemory<byte> text)
    {
        var lines = Encoding.UTF8.GetString(text.Span).TrimEnd('\0').Split('\n');
        var end = Array.LastIndexOf(lines, "}");
        var group = lines[..(end + 1)].Select((line, at) => at == 0 || at == end || line.Length == 0 ? line : $"\t{line}\t# {at}");
        return Encoding.UTF8.GetBytes(string.Join('\n', [.. lines[(end + 1)..], .. group, ""]));
    }

    private static (string, LvmUuid, long, string, string) Facts(LogicalVolume volume) =>
        (volume.Name, volume.Uuid, volume.ExtentCount, string.Join(',', volume.Tags), volume.EditRefusal ?? "");
}
