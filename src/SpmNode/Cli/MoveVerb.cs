using System.CommandLine;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm volume move</c>: from one domain to another.</summary>
static class MoveVerb
{
    public static Command Create()
    {
        var reference = new Argument<string>("volume") { Description = "uuid, unique prefix of it, or alias; what it is made on goes along" };
        var lun = new Option<string>("--lun") { Description = "the domain it is in", Required = true };
        var to = new Option<string>("--to-lun") { Description = "the domain it goes to", Required = true };
        var (sectorSize, wait, json) = (CommonOptions.SectorSize(), CommonOptions.Wait(), CommonOptions.Json());
        var command = new Command(
            "move", "Move a volume, and all below it, to another domain. It is whole in one of them at every moment; after a crash ask again.") { reference, lun, to, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var asJson = parsed.GetValue(json);
            var moved = await TerminalProgress.RunAsync("moving", asJson, progress => NodeComposition.MoveAsync(
                parsed.GetValue(lun)!, parsed.GetValue(to)!, parsed.GetValue(sectorSize), parsed.GetValue(reference)!, parsed.GetValue(wait), progress, stop));
            VolumeVerbs.Say(asJson, moved, $"{moved.Volume} is in {parsed.GetValue(to)} now, {SizeText.Format(moved.AllocatedBytes)}, and not in {parsed.GetValue(lun)} any more");
            return 0;
        }));
        return command;
    }
}
