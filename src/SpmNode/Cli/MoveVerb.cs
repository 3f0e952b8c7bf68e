using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm volume move</c>: from one domain to another, by the SPMs of both or as the SPM of both.</summary>
static class MoveVerb
{
    static readonly Argument<string> reference = new("volume") { Description = "uuid, unique prefix of it, or alias; what it is made on goes along" };
    static readonly Option<string> url = new("--url") { Description = "a node of the pool it is in" };
    static readonly Option<string> toUrl = new("--to-url") { Description = "a node of the pool it goes to" };
    static readonly Option<string> lun = new("--lun") { Description = "without nodes: the domain it is in" };
    static readonly Option<string> toLun = new("--to-lun") { Description = "without nodes: the domain it goes to" };
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();
    static readonly Option<bool> wait = CommonOptions.Wait();
    static readonly Option<bool> json = CommonOptions.Json();

    public static Command Create()
    {
        var command = new Command(
            "move", "Move a volume, and all below it, to another domain. It is whole in one of them at every moment; after a crash ask again.") { reference, url, toUrl, lun, toLun, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var (asJson, volume) = (parsed.GetValue(json), parsed.GetValue(reference)!);
            var (from, to, run) = Ends(parsed) switch
            {
                ({ } here, { } there, null, null) => (here, there, (Func<IProgress<double>, Task<VolumeReply>>)(progress => MoveAsync(here, there, volume, progress, stop))),
                (null, null, { } here, { } there) => (here, there, progress => NodeComposition.MoveAsync(
                    here, there, parsed.GetValue(sectorSize), volume, parsed.GetValue(wait), progress, stop)),
                _ => throw Refusal.Invalid("from where, and where to? Give --url and --to-url while nodes run, or --lun and --to-lun while none does, not a mixture."),
            };
            var moved = await TerminalProgress.RunAsync("moving", asJson, run);
            VolumeVerbs.Say(asJson, moved, $"{moved.Volume} is in {to} now, {SizeText.Format(moved.AllocatedBytes)}, and not in {from} any more");
            return 0;
        }));
        return command;
    }

    static (string? Url, string? ToUrl, string? Lun, string? ToLun) Ends(ParseResult parsed)
    {
        var there = parsed.GetValue(toUrl);
        return (there is null ? parsed.GetValue(url) : CommonOptions.UrlOf(parsed, url), there, parsed.GetValue(lun), parsed.GetValue(toLun));
    }

    static async Task<VolumeReply> MoveAsync(string from, string to, string volume, IProgress<double> progress, CancellationToken stop)
    {
        await using var source = new NodeClient(from);
        // As the hosts know it: what this host calls it may be another machine to the one that does the work.
        var spm = (await source.StatusAsync()).LeaderUrl is { Length: > 0 } known
            ? known : throw Refusal.Unavailable($"{from} knows of no SPM at the moment. Ask again in a few seconds.");
        await using var target = new NodeClient(to);
        return await target.ReceiveAsync(new ArrivalRequest(spm, volume, new RequestIds(0, Guid.NewGuid()).Next()), progress, stop);
    }
}
