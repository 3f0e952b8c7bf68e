using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm volume …</c>: the same verbs against a node or straight on the LUN.</summary>
static class VolumeVerbs
{
    static readonly Option<string> lun = CommonOptions.Lun();
    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();
    static readonly Option<bool> wait = CommonOptions.Wait();
    static readonly Option<string> request = new("--request") { Description = "the id of a request that was asked before: it is not done twice, and what became of it is told" };
    static readonly RequestIds ids = new(0, Guid.NewGuid());
    static readonly Argument<string> reference = new("volume") { Description = "uuid, unique prefix of it, or alias" };

    public static Command Create()
    {
        var command = Verbs();
        foreach (var transfer in TransferVerbs.Create().Append(MoveVerb.Create()))
        {
            command.Add(transfer);
        }
        return command;
    }

    static Command Verbs() => new("volume", "Virtual disks: create, list, info, extend, reduce, resize, template, set, merge, collapse, delete, activate, deactivate, import, export, measure, move")
    {
        CreateVolume(),
        Verb("list", "List the volumes of a domain.", [], writes: false, async (pool, parsed) =>
            Print(await pool.ListVolumesAsync(), parsed.GetValue(json))),
        Verb("info", "Everything known of one volume.", [reference], writes: false, async (pool, parsed) =>
            PrintOne(await pool.GetVolumeAsync(parsed.GetValue(reference)!), parsed.GetValue(json))),
        Extend(),
        Verb("delete", "Delete a volume that no host uses.", [reference], writes: true, Request, async (pool, parsed, id) =>
        {
            var (zero, tell) = (parsed.GetValue(wipe), parsed.GetValue(discard));
            var deleted = await Named(id, () => TerminalProgress.RunAsync(
                "emptying", parsed.GetValue(json) || parsed.GetValue(lun) is not null || !(zero || tell), progress => pool.DeleteVolumeAsync(parsed.GetValue(reference)!, id, zero, tell, progress)));
            Say(parsed, deleted, $"deleted {deleted.Volume}, {SizeText.Format(deleted.FreedBytes)} freed");
            foreach (var device in deleted.NotDiscarded ?? [])
            {
                await Console.Error.WriteLineAsync($"spm: {device} takes no discards: the space is free in the pool, and not given back to the storage");
            }
        }, request, wipe, discard),
        Activate(),
        Deactivate(),
        Change("reduce", "Give back the space behind the last used cluster of a thin volume.", [], _ => new VolumeChange.Reduce(),
            volume => $"{volume.Volume} has {SizeText.Format(volume.AllocatedBytes)} of at most {SizeText.Format(volume.MaximumBytes)}"),
        Change("resize", "Make the disk of a thin volume larger.", [newSize], parsed => new VolumeChange.Resize(Sizes.Parse(parsed.GetValue(newSize)!)),
            volume => $"the disk of {volume.Volume} has {SizeText.Format(volume.VirtualSizeBytes)}"),
        Change("template", "Make a volume a template: read-only for everybody, for good.", [], _ => new VolumeChange.Share(),
            volume => $"{volume.Volume} is a template; 'spm volume create --parent {volume.Volume}' makes a disk of it"),
        Change("rename", "Give a volume another alias.", [newAlias], parsed => new VolumeChange.Describe(parsed.GetValue(newAlias)!),
            volume => $"{volume.Volume} is called '{volume.Alias}'"),
        Change("merge", "Write a volume into its parent and delete it.", [], parsed => new VolumeChange.Merge { Request = Request(parsed) },
            volume => $"{volume.Volume} has it now"),
        Change("collapse", "Write a volume and all below it into the base of its chain.", [], parsed => new VolumeChange.Collapse { Request = Request(parsed) },
            volume => $"{volume.Volume} has all of it now"),
        Set(),
    };

    static readonly Option<bool> wipe = new("--wipe") { Description = "overwrite it with zeros first, so that nobody who gets the space can read what was there" };
    static readonly Option<bool> discard = new("--discard") { Description = "tell the storage that the contents are not needed any more, so that it may give the space to others" };
    static readonly Argument<string> newSize = new("size") { Description = "virtual size, e.g. 20G" };
    static readonly Option<int?> generation = new("--generation") { Description = "refused unless the volume has this generation; raised when it is done" };
    static readonly Argument<string> newAlias = new("alias") { Description = "a name for people" };

    static Command Change(string name, string what, Argument[] more, Func<ParseResult, VolumeChange> read, Func<VolumeReply, string> say) =>
        Verb(name, what, [reference, .. more], writes: true, parsed => read(parsed) with { ExpectedGeneration = parsed.GetValue(generation) }, async (pool, parsed, change) =>
        {
            var volume = await TerminalProgress.RunAsync(
                "merging", parsed.GetValue(json) || !change.IsMerge, progress => pool.ChangeVolumeAsync(parsed.GetValue(reference)!, change, progress));
            Say(parsed, volume, say(volume));
        }, generation);

    static Command Set()
    {
        var description = new Option<string>("--description") { Description = "the whole text, as oVirt keeps it; 'spm volume rename' changes the alias alone" };
        var legality = new Option<string>("--legality") { Description = "legal · illegal: served to nobody" };
        legality.AcceptOnlyFromAmong("legal", "illegal");
        var next = new Option<bool>("--next-generation") { Description = "raise the generation: whoever works with the old one is refused from then on" };
        return Verb("set", "Change what is said of a volume: description, legality, generation.", [reference], writes: true,
            parsed => new VolumeChange.Set(parsed.GetValue(description), parsed.GetValue(legality), parsed.GetValue(next)) { ExpectedGeneration = parsed.GetValue(generation) },
            async (pool, parsed, change) =>
            {
                var volume = await pool.ChangeVolumeAsync(parsed.GetValue(reference)!, change);
                Say(parsed, volume, $"{volume.Volume} is {volume.Legality}, of generation {volume.Generation}");
            }, description, legality, next, generation);
    }

    static Command CreateVolume()
    {
        var size = new Option<string>("--size") { Description = "virtual size, e.g. 8G (a bare number is bytes); with --parent or --from theirs is taken" };
        var format = new Option<string>("--format") { Description = "cow: thin qcow2 · raw: preallocated", DefaultValueFactory = _ => "cow" };
        format.AcceptOnlyFromAmong("cow", "raw");
        var alias = new Option<string>("--alias") { Description = "a name for people" };
        var uuid = new Option<string>("--uuid") { Description = "the volume's uuid; asking twice with the same one makes one volume" };
        var noZero = new Option<bool>("--no-zero") { Description = "raw: do not zero first; old contents of the extents become readable" };
        var parent = new Option<string>("--parent") { Description = "begin as this volume reads (a snapshot, or a disk from a template); it becomes read-only" };
        var from = new Option<string>("--from") { Description = "begin with a copy of what this volume reads as, all of its chain" };
        return Verb("create", "Create a volume.", [], writes: true, parsed =>
        {
            var (below, source) = (parsed.GetValue(parent), parsed.GetValue(from));
            if (parsed.GetValue(size) is null && below is null && source is null)
            {
                throw Refusal.Invalid("how large shall the volume be? Give --size, or --parent or --from, whose size is taken then.");
            }
            return new CreateVolumeRequest(
                parsed.GetValue(uuid) ?? Guid.NewGuid().ToString(), null, parsed.GetValue(size) is { } given ? Sizes.Parse(given) : 0, parsed.GetValue(format)!,
                parsed.GetValue(alias), parsed.GetValue(noZero), Request(parsed), Parent: below, Source: source);
        }, async (pool, parsed, asked, stop) =>
        {
            var asJson = parsed.GetValue(json);
            PrintOne(await Named(asked.Request!, () => TerminalProgress.RunAsync("copying", asJson || asked.Source is null, progress => pool.CreateVolumeAsync(asked, progress, stop))), asJson);
        }, size, format, alias, uuid, noZero, parent, from, request);
    }

    static Command Extend()
    {
        var size = new Argument<string>("size") { Description = "at least this large, e.g. 2G: the allocation of a cow volume, capacity and LV of a raw one" };
        return Verb("extend", "Make a volume larger.", [reference, size], writes: true, parsed => new ExtendVolumeRequest(Sizes.Parse(parsed.GetValue(size)!), null, null, null, Request(parsed)),
            async (pool, parsed, asked) =>
        {
            var reply = await Named(asked.Request!, () => pool.ExtendVolumeAsync(parsed.GetValue(reference)!, asked));
            Say(parsed, reply, $"{reply.Volume} has {SizeText.Format(reply.AllocatedBytes)} of at most {SizeText.Format(reply.MaximumBytes)}");
        }, request);
    }

    static string Request(ParseResult parsed) => parsed.GetValue(request) ?? ids.Next();

    /// <summary>R24: whoever does not know what became of a request is told how to ask.</summary>
    static async Task<T> Named<T>(string id, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Refusal unsure) when (unsure.Code is RefusalCode.OutcomeUnknown or RefusalCode.Unavailable)
        {
            throw new Refusal(unsure.Code, $"{unsure.Message} '--request {id}' asks for the same request again.");
        }
    }

    static Command Activate()
    {
        var readOnly = new Option<bool>("--read-only");
        var exclusive = new Option<bool>("--exclusive")
        {
            Description = "hold the volume's lease while it is active: no other host, oVirt's neither, can; its guest's writes fail when the lease is lost",
        };
        var command = new Command("activate", "Serve a volume on the node at --url; prints QEMU's -blockdev option.") { reference, readOnly, exclusive, url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = NodeAt(parsed);
            var reply = await node.ActivateAsync(parsed.GetValue(reference)!, parsed.GetValue(readOnly), parsed.GetValue(exclusive));
            Say(parsed, reply, reply.Chain.Count == 0 ? reply.BlockDevice : string.Join(Environment.NewLine, reply.Chain.Select(option => $"-blockdev {option}")));
            return 0;
        }));
        return command;
    }

    static Command Deactivate()
    {
        var command = new Command("deactivate", "Stop serving a volume on the node at --url.") { reference, url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = NodeAt(parsed);
            PrintOne(await node.DeactivateAsync(parsed.GetValue(reference)!), parsed.GetValue(json));
            return 0;
        }));
        return command;
    }

    static NodeClient NodeAt(ParseResult parsed) =>
        new(CommonOptions.Target(parsed, lun, url).Url ?? throw Refusal.Invalid("a volume is activated by a running node: give --url."));

    static Command Verb(string name, string what, Argument[] arguments, bool writes, Func<IPoolVerbs, ParseResult, Task> act) =>
        Verb(name, what, arguments, writes, _ => true, (pool, parsed, _) => act(pool, parsed));

    static Command Verb<T>(
        string name, string what, Argument[] arguments, bool writes, Func<ParseResult, T> read, Func<IPoolVerbs, ParseResult, T, Task> act, params Option[] more) =>
        Verb(name, what, arguments, writes, read, (pool, parsed, asked, _) => act(pool, parsed, asked), more);

    /// <param name="read">What was asked for; a mistake in it is told before the LUN is opened.</param>
    static Command Verb<T>(
        string name, string what, Argument[] arguments, bool writes, Func<ParseResult, T> read, Func<IPoolVerbs, ParseResult, T, CancellationToken, Task> act, params Option[] more)
    {
        var command = new Command(name, what);
        foreach (var argument in arguments)
        {
            command.Add(argument);
        }
        foreach (var option in more)
        {
            command.Add(option);
        }
        command.Add(lun);
        command.Add(url);
        command.Add(sectorSize);
        command.Add(json);
        if (writes)
        {
            command.Add(wait);
        }
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var (path, address) = CommonOptions.Target(parsed, lun, url);
            var asked = read(parsed);
            await using var pool = path is null ? new NodeClient(address!)
                : writes ? NodeComposition.OpenOfflineVerbs(path, parsed.GetValue(wait), parsed.GetValue(sectorSize))
                : NodeComposition.OpenReader(path, parsed.GetValue(sectorSize));
            await act(pool, parsed, asked, stop);
            return 0;
        }));
        return command;
    }

    static void Say<T>(ParseResult parsed, T reply, string sentence) => Say(parsed.GetValue(json), reply, sentence);

    internal static void Say<T>(bool asJson, T reply, string sentence)
    {
        if (asJson)
        {
            Output.WriteJson(reply);
        }
        else
        {
            Console.Out.WriteLine(sentence);
        }
    }

    static string[][] GrowthRows(GrowthReply growth) =>
    [
        ["watermark", $"{Exactly(growth.WatermarkBytes)} = max({growth.Factor} × {SizeText.Format((long)growth.BytesPerSecond)}/s × {growth.LatencySeconds * 1000:0.#} ms = {SizeText.Format(growth.AwaitedBytes)}, at least {SizeText.Format(growth.MinimumWatermarkBytes)})"],
        ["chunk", $"{Exactly(growth.ChunkBytes)} = max({SizeText.Format((long)growth.BytesPerSecond)}/s × {growth.SpanSeconds:0.#} s = {SizeText.Format(growth.LastingBytes)}, at least {SizeText.Format(growth.MinimumChunkBytes)}, the watermark), at most {SizeText.Format(growth.MaximumChunkBytes)}, whole extents"],
        ["", growth.Source],
    ];

    static string Exactly(long bytes) => $"{SizeText.Format(bytes)} ({bytes} bytes)";

    static void Print(IReadOnlyList<VolumeReply> volumes, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(volumes);
            return;
        }
        Output.WriteTable(
            ["VOLUME", "ALIAS", "FORMAT", "VIRTUAL", "ALLOCATED", "STATE", "ACTIVE ON"],
            volumes.Select(v => new[]
            {
                v.Volume, v.Alias ?? "", v.Format, SizeText.Format(v.VirtualSizeBytes), SizeText.Format(v.AllocatedBytes), v.State, string.Join(", ", v.ActiveOn),
            }));
        foreach (var volume in volumes.Where(v => v.Problems.Count > 0))
        {
            foreach (var problem in volume.Problems)
            {
                Console.Error.WriteLine($"spm: {volume.Volume}: {problem}");
            }
        }
    }

    internal static void PrintOne(VolumeReply volume, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(volume);
            return;
        }
        Output.WriteTable(["", ""],
        [
            ["volume", volume.Volume],
            ["image", volume.Image],
            ["role", volume.Parent is null ? volume.Role : $"{volume.Role}, on {volume.Parent}"],
            ["alias", volume.Alias ?? "–"],
            ["format", $"{volume.Format}, {volume.Allocation}"],
            ["virtual size", SizeText.Format(volume.VirtualSizeBytes)],
            ["allocated", $"{SizeText.Format(volume.AllocatedBytes)} of at most {SizeText.Format(volume.MaximumBytes)}"],
            ["slot", volume.Slot?.ToString() ?? "–"],
            ["state", volume.State],
            .. volume.Legality is { } legality ? (string[][])[["legality", $"{legality}, generation {volume.Generation}"]] : [],
            .. volume.Description is { Length: > 0 } text ? (string[][])[["description", text]] : [],
            ["active on", volume.ActiveOn.Count == 0 ? "no host" : string.Join(", ", volume.ActiveOn)],
            .. volume.Growth is { } growth ? GrowthRows(growth) : [],
            .. volume.Problems.Select(problem => new[] { "problem", problem }),
        ]);
    }
}
