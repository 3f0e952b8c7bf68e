using System.CommandLine;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm metadata …</c>: the volume group's text, straight on the LUN, as lvm2's vgck, pvck, vgcfgbackup and vgcfgrestore see it.</summary>
static class MetadataVerbs
{
    const long LargestFileBytes = 64 << 20;

    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();

    public static Command Create() => new("metadata", "The volume group's metadata: check, dump, restore") { Check(), Dump(), Restore() };

    static Command Check()
    {
        var luns = Luns();
        var command = new Command("check", "Read every copy and say what is wrong, and in what copies differ. Writes nothing.") { luns, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(() => OnAsync(
            parsed, luns, async devices => Output.Report(await MetadataCheck.RunAsync([.. devices.Select(device => device.Metadata)]), parsed.GetValue(json)))));
        return command;
    }

    static Command Dump()
    {
        var luns = Luns();
        var output = new Option<string?>("--output") { Description = "a file that is not there yet; stdout unless given" };
        var command = new Command("dump", "The current text, byte for byte as it lies on the disk; vgcfgrestore and 'spm metadata restore' take it.") { luns, output, sectorSize };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(() => OnAsync(parsed, luns, async devices =>
        {
            var read = await MetadataReader.ReadAsync([.. devices.Select(device => device.Metadata)]);
            if (read.Group is null)
            {
                throw Refusal.Damaged($"{devices[0].Path}: {read.Problem ?? "no volume group was found"}.");
            }
            var text = read.Copies.First(copy => copy.State is CopyState.Current).Text;
            if (parsed.GetValue(output) is { } path)
            {
                await using var file = new FileStream(path, FileMode.CreateNew);
                await file.WriteAsync(text, stop);
                file.Flush(flushToDisk: true);
            }
            else
            {
                await using var stdout = Console.OpenStandardOutput();
                await stdout.WriteAsync(text, stop);
            }
            return 0;
        })));
        return command;
    }

    static Command Restore()
    {
        var lun = new Option<string>("--lun") { Description = "the domain's LUN", Required = true };
        var from = new Option<string>("--file") { Description = "what 'spm metadata dump' or vgcfgbackup wrote", Required = true };
        var yes = new Option<bool>("--yes") { Description = "really: volumes made since are lost, removed ones come back with whatever lies in their extents now" };
        var wait = CommonOptions.WaitForDead();
        var command = new Command("restore", "Make a kept text current again. Refused while a host is alive in the domain or a volume is active.") { lun, from, yes, wait, sectorSize };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var kept = Read(parsed.GetValue(from)!);
            if (!parsed.GetValue(yes))
            {
                throw Refusal.Conflict(
                    $"{parsed.GetValue(lun)}: the text of seqno {kept.Seqno} with {kept.LogicalVolumes.Length} volumes would become current, and what was done since be lost. Say --yes if that is meant.");
            }
            var group = await NodeComposition.RestoreMetadataAsync(parsed.GetValue(lun)!, parsed.GetValue(sectorSize), kept, parsed.GetValue(wait), stop);
            Console.Out.WriteLine($"restored seqno {kept.Seqno} of {group.Name} as epoch {group.Epoch}, seqno {group.Seqno}: {group.LogicalVolumes.Length} volumes. Look with 'spm domain check' whether their slots agree.");
            return 0;
        }));
        return command;
    }

    static VolumeGroup Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
        if (file.Length > LargestFileBytes)
        {
            throw Refusal.Invalid($"{path} has {file.Length} bytes: no volume group's text is that large.");
        }
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return BackupText.TryRead(bytes, out var group) is { } problem
            ? throw Refusal.Invalid($"{path} is no text of a volume group: {problem}. 'spm metadata dump' and vgcfgbackup write such files.")
            : group!;
    }

    static Option<string[]> Luns() => new("--lun") { Description = "a device of the group, or a file standing in for one; once for each", Required = true };

    static async Task<int> OnAsync(ParseResult parsed, Option<string[]> luns, Func<IReadOnlyList<ILun>, Task<int>> act)
    {
        var devices = new List<ILun>();
        try
        {
            foreach (var path in parsed.GetValue(luns)!)
            {
                devices.Add(NodeComposition.OpenLun(path, readOnly: true, parsed.GetValue(sectorSize)));
            }
            return await act(devices);
        }
        finally
        {
            devices.ForEach(device => device.Dispose());
        }
    }
}
