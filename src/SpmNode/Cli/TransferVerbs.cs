using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm volume import|export|measure</c>: disks that come into a pool and leave it.</summary>
static class TransferVerbs
{
    static readonly Option<string> lun = CommonOptions.Lun();
    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();
    static readonly Option<bool> wait = CommonOptions.Wait();
    static readonly RequestIds ids = new(0, Guid.NewGuid());

    public static IEnumerable<Command> Create() => [Import(), Export(), Measure()];

    static Command Import()
    {
        var file = new Argument<string>("file") { Description = "a disk image: a file or a block device of this host" };
        var format = Format("what the file is made as; declared, never guessed", required: true);
        var become = new Option<string>("--as") { Description = "cow: thin qcow2 · raw: preallocated", DefaultValueFactory = _ => "cow" };
        become.AcceptOnlyFromAmong("cow", "raw");
        var size = new Option<string>("--size") { Description = "virtual size; what lies behind the file's disk reads as zeros" };
        var alias = new Option<string>("--alias") { Description = "a name for people" };
        var uuid = new Option<string>("--uuid") { Description = "the volume's uuid; asking twice with the same one makes one volume" };
        var command = new Command("import", "Make a volume of a disk image. Nobody sees it before it is full.") { file, format, become, size, alias, uuid, lun, url, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var path = parsed.GetValue(file)!;
            var request = new CreateVolumeRequest(
                parsed.GetValue(uuid) ?? Guid.NewGuid().ToString(), null, parsed.GetValue(size) is { } given ? Sizes.Parse(given) : 0, parsed.GetValue(become)!,
                parsed.GetValue(alias), false, ids.Next());
            using var source = await ImageSource.OpenAsync(path, Declared(parsed.GetValue(format)!), NodeComposition.OpenImage(path));
            await using var pool = Open(parsed);
            var volume = await TerminalProgress.RunAsync("importing", parsed.GetValue(json), progress => pool.ImportAsync(request, source, progress, stop));
            VolumeVerbs.PrintOne(volume, parsed.GetValue(json));
            return 0;
        }));
        return command;
    }

    static Command Export()
    {
        var reference = new Argument<string>("volume") { Description = "uuid, unique prefix of it, or alias; a whole chain becomes one disk" };
        var file = new Argument<string>("file") { Description = "a new file" };
        var format = Format("what the file is to be", required: true);
        var force = new Option<bool>("--force") { Description = "replace the file that is there, once the new one is whole" };
        var command = new Command("export", "Write what a volume reads as into a file. It has its name only when it is whole.") { reference, file, format, force, lun, url, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var (volume, kind) = (parsed.GetValue(reference)!, Declared(parsed.GetValue(format)!));
            using var target = ExportTarget.At(parsed.GetValue(file)!, parsed.GetValue(force));
            await using (var pool = Open(parsed))
            {
                await TerminalProgress.RunAsync("exporting", parsed.GetValue(json), async progress =>
                {
                    await pool.ExportAsync(volume, target.Path, kind, progress, stop);
                    return true;
                });
            }
            var reply = new ExportReply(volume, target.Publish(), ImageSource.Word(kind));
            VolumeVerbs.Say(parsed.GetValue(json), reply, $"{reply.File} has it, as {reply.Format}");
            return 0;
        }));
        return command;
    }

    static Command Measure()
    {
        var reference = new Argument<string?>("volume") { Description = "uuid, unique prefix of it, or alias", Arity = ArgumentArity.ZeroOrOne };
        var file = new Option<string?>("--file") { Description = "a disk image instead; no pool is needed" };
        var format = Format("what the file is made as; declared, never guessed", required: false);
        var command = new Command("measure", "How much space a volume needs for what another one, or a disk image, holds.") { reference, file, format, lun, url, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var reply = (parsed.GetValue(reference), parsed.GetValue(file), parsed.GetValue(format)) switch
            {
                ({ } volume, null, null) => await VolumeAsync(parsed, volume, stop),
                (null, { } path, { } declared) => await FileAsync(path, Declared(declared), stop),
                _ => throw Refusal.Invalid("measure what? Name a volume, or give --file with its --format."),
            };
            if (parsed.GetValue(json))
            {
                Output.WriteJson(reply);
                return 0;
            }
            Output.WriteTable(["", ""],
            [
                ["disk", $"{SizeText.Format(reply.VirtualSizeBytes)} ({reply.VirtualSizeBytes} bytes)"],
                ["as one qcow2", $"{SizeText.Format(reply.ContentBytes)} ({reply.ContentBytes} bytes)"],
                ["cow volume", $"{SizeText.Format(reply.CowBytes)}, with room for the first writes; at most {SizeText.Format(reply.CowMaximumBytes)}"],
                ["cow, read-only", SizeText.Format(reply.CowInternalBytes)],
                ["raw volume", SizeText.Format(reply.RawBytes)],
            ]);
            return 0;
        }));
        return command;
    }

    static async Task<MeasureReply> VolumeAsync(ParseResult parsed, string volume, CancellationToken stop)
    {
        await using var pool = Open(parsed);
        return await pool.MeasureAsync(volume, stop);
    }

    static async Task<MeasureReply> FileAsync(string path, DiskFormat format, CancellationToken stop)
    {
        using var source = await ImageSource.OpenAsync(path, format, NodeComposition.OpenImage(path));
        return await NodeComposition.MeasureAsync(source, stop);
    }

    static ITransferVerbs Open(ParseResult parsed)
    {
        var (path, address) = CommonOptions.Target(parsed, lun, url);
        return path is not null
            ? NodeComposition.OpenOfflineTransfer(path, parsed.GetValue(wait), parsed.GetValue(sectorSize))
            : NodeComposition.OpenRemoteTransfer(address!);
    }

    static Option<string> Format(string what, bool required)
    {
        var format = new Option<string>("--format") { Description = what + ": raw, qcow2, vhd (vpc) or vmdk", Required = required };
        format.AcceptOnlyFromAmong("raw", "qcow2", "vhd", "vpc", "vmdk");
        return format;
    }

    /// <summary>A VHD is 'vpc' to QEMU, and to whoever comes from there.</summary>
    static DiskFormat Declared(string word) => word == "vhd" ? DiskFormat.Vpc : Enum.Parse<DiskFormat>(word, ignoreCase: true);
}
