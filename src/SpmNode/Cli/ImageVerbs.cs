using System.CommandLine;
using System.Text.Json;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Qcow2;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm image …</c>: qcow2 images read without QEMU. Whoever names one declares that it is a qcow2; nothing it names is opened.</summary>
static class ImageVerbs
{
    static readonly Argument<string> file = new("file") { Description = "a qcow2 image: a file or a block device" };
    static readonly Option<bool> json = CommonOptions.Json();

    public static Command Create() => new("image", "qcow2 images, read natively: info, end, check, map") { Info(), End(), Check(), Map() };

    static Command Info() => OnFile("info", "What the header of an image says, in at most three reads.", async (area, parsed) =>
    {
        var reply = await ImageInfoReply.ReadAsync(area);
        if (parsed.GetValue(json))
        {
            Output.WriteJson(reply);
            return 0;
        }
        Output.WriteTable(["", ""],
        [
            ["virtual size", $"{SizeText.Format(reply.VirtualSizeBytes)} ({reply.VirtualSizeBytes} bytes)"],
            ["file size", SizeText.Format(reply.FileSizeBytes)],
            ["format", $"version {reply.Version}, clusters of {SizeText.Format(reply.ClusterSizeBytes)}, refcounts of {reply.RefcountBits} bits"],
            ["features", string.Join(", ", Features(reply).DefaultIfEmpty("none"))],
            ["backing file", reply.BackingFile is null ? "none" : $"{reply.BackingFile} ({reply.BackingFormat ?? "format not said"}), not opened"],
            ["data file", reply.DataFile is null ? "none" : reply.DataFile + ", not opened"],
            ["snapshots", $"{reply.Snapshots}"],
            .. reply.Bitmaps.Select(bitmap => new[] { "bitmap", $"{bitmap.Name}, granularity {SizeText.Format(bitmap.GranularityBytes)}" }),
            .. reply.Problems.Select(problem => new[] { "problem", problem }),
        ]);
        return 0;
    });

    static Command End()
    {
        var optional = new Argument<string?>("file") { Description = file.Description, Arity = ArgumentArity.ZeroOrOne };
        var lun = CommonOptions.Lun();
        var sectorSize = CommonOptions.SectorSize();
        var volume = new Option<string?>("--volume") { Description = "uuid, unique prefix of it, or alias; 'all' (the default) for every cow volume" };
        var command = new Command("end", "How far an image reaches, in three reads: of a file, or of volumes on a LUN without activating them.")
        {
            optional, lun, volume, sectorSize, json,
        };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () => (parsed.GetValue(optional), parsed.GetValue(lun)) switch
        {
            ({ } path, null) => await OnImageAsync(path, async area =>
            {
                Print(parsed, await Qcow2End.FindAsync(area));
                return 0;
            }),
            (null, { } path) => await EndsAsync(path, parsed.GetValue(sectorSize), parsed.GetValue(volume), parsed.GetValue(json)),
            _ => throw Refusal.Invalid("name one image: a FILE, or --lun with --volume."),
        }));
        return command;
    }

    static Command Check() => OnFile("check", "Compare all tables of an image with its refcounts. Writes nothing; exit code 1 when it is damaged.", async (area, parsed) =>
    {
        var report = await Qcow2Check.RunAsync(area);
        if (parsed.GetValue(json))
        {
            Output.WriteJson(report);
        }
        else
        {
            foreach (var finding in report.Findings)
            {
                Console.Out.WriteLine(finding);
            }
            Console.Out.WriteLine(
                $"{report.Corruptions} corruptions, {report.Leaks} leaked clusters; {report.AllocatedClusters} of {report.TotalClusters} clusters are allocated, the image ends at {report.EndOffset}");
        }
        return report.Corruptions == 0 ? 0 : 1;
    });

    static Command Map() => OnFile("map", "Which parts of the virtual disk an image holds, and where.", async (area, parsed) =>
    {
        var image = await Qcow2Image.OpenAsync(area);
        var (asJson, separator) = (parsed.GetValue(json), "[");
        await foreach (var extent in Qcow2Map.ReadAsync(image))
        {
            Console.Out.WriteLine(asJson
                ? separator + JsonSerializer.Serialize(ImageMapReply.Of(extent, image.Extensions.BackingFile is not null), Output.Json)
                : $"{extent.Start,16} {extent.Length,16} {extent.Kind.ToString().ToLowerInvariant(),-11} {extent.Offset}".TrimEnd());
            separator = ",";
        }
        if (asJson)
        {
            Console.Out.WriteLine(separator == "[" ? "[]" : "]");
        }
        return 0;
    });

    static async Task<int> EndsAsync(string path, int? sectorSize, string? volume, bool asJson)
    {
        using var lun = NodeComposition.OpenLun(path, readOnly: true, sectorSize);
        var view = await new LunReader(lun).ViewAsync();
        var ends = await new DomainImages(view, await LunReader.UsersAsync(view.Domain)).EndsAsync(volume is null or "all" ? null : volume);
        if (asJson)
        {
            Output.WriteJson(ends);
        }
        else
        {
            Output.WriteTable(
                ["VOLUME", "ALIAS", "END", "ALLOCATED", "READS", "METHOD", "ACTIVE ON"],
                ends.Select(end => new[]
                {
                    end.Volume, end.Alias ?? "", end.EndOffset?.ToString() ?? "–", SizeText.Format(end.AllocatedBytes), $"{end.Reads}", end.Method?.ToString().ToLowerInvariant() ?? "",
                    string.Join(", ", end.ActiveOn),
                }));
        }
        foreach (var end in ends)
        {
            if (end.Problem is { } problem)
            {
                await Console.Error.WriteLineAsync($"spm: {end.Volume}: {problem}.");
            }
            else if (end.ActiveOn.Count > 0)
            {
                await Console.Error.WriteLineAsync($"spm: {end.Volume} is open on {string.Join(", ", end.ActiveOn)}: its QEMU may be ahead of what lies on the LUN, the end is the least it can be.");
            }
        }
        return ends.Any(end => end.Problem is not null) ? 1 : 0;
    }

    static Command OnFile(string name, string what, Func<IImageFile, ParseResult, Task<int>> act)
    {
        var command = new Command(name, what) { file, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(() => OnImageAsync(parsed.GetValue(file)!, area => act(area, parsed))));
        return command;
    }

    static async Task<int> OnImageAsync(string path, Func<IImageFile, Task<int>> act)
    {
        using var area = NodeComposition.OpenImage(path);
        try
        {
            return await act(area);
        }
        catch (Qcow2Refused refused)
        {
            throw Refusal.Damaged($"{path}: {refused.Message}. {Advice(refused.Fault)}");
        }
    }

    static void Print(ParseResult parsed, ImageEnd end)
    {
        if (parsed.GetValue(json))
        {
            Output.WriteJson(end);
            return;
        }
        Console.Out.WriteLine($"{end.EndOffset} ({SizeText.Format(end.EndOffset)}), {end.Reads} reads, by {(end.Method == EndMethod.Walk ? "all tables" : "refcounts")}{(end.Dirty ? ", not closed" : "")}");
    }

    static IEnumerable<string> Features(ImageInfoReply reply)
    {
        foreach (var (has, name) in new[]
        {
            (reply.LazyRefcounts, "lazy refcounts"), (reply.ExtendedL2, "extended L2"), (reply.CompressionType != "zlib", reply.CompressionType),
            (reply.Encryption != "none", reply.Encryption), (reply.DataFileRaw, "raw data file"),
        })
        {
            if (has)
            {
                yield return name;
            }
        }
    }

    static string Advice(Qcow2Fault fault) => fault switch
    {
        Qcow2Fault.NotQcow2 => "Nothing is guessed: name the format it was made in.",
        Qcow2Fault.Truncated => "Bring the missing part back before it is used; nothing was changed.",
        Qcow2Fault.UnknownVersion or Qcow2Fault.UnknownFeature => "Read it with the QEMU that made it.",
        _ => "Look at it with 'qemu-img check'; nothing was changed.",
    };
}
