using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm journal show</c>: what is under way, what was answered, what is not believed.</summary>
static class JournalVerbs
{
    public static Command Create() => new("journal", "The pool's operation journal") { Show() };

    static Command Show()
    {
        var (lun, url, sectorSize, json) = (CommonOptions.Lun(), CommonOptions.Url(), CommonOptions.SectorSize(), CommonOptions.Json());
        var command = new Command("show", "Operations that have not ended, answers that are kept, damage. Changes nothing.") { lun, url, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var (path, address) = CommonOptions.Target(parsed, lun, url);
            var journal = await ReadAsync(path, address, parsed.GetValue(sectorSize));
            if (parsed.GetValue(json))
            {
                Output.WriteJson(journal);
                return 0;
            }
            Print(journal);
            return 0;
        }));
        return command;
    }

    static async Task<JournalReply> ReadAsync(string? path, string? url, int? sectorSize)
    {
        if (path is not null)
        {
            return await NodeComposition.ReadJournalAsync(path, sectorSize);
        }
        await using var node = new NodeClient(url!);
        return await node.JournalAsync();
    }

    static void Print(JournalReply journal)
    {
        Output.WriteTable(["", ""],
        [
            ["log", journal.Epoch == 0 ? "none yet: no SPM has written a journal here" : $"epoch {journal.Epoch}, segment {journal.Segment}, {journal.Blocks} blocks, next at byte {journal.EndBytes}"],
            ["predecessor ended", journal.PredecessorEnd ?? "–"],
            ["last commit", journal.LastCommit is { } last ? $"epoch {last.Epoch}, seqno {last.Seqno}{(last.TookEffect ? "" : ", did not take effect")}" : "–"],
            ["open operations", $"{journal.Open.Count}"],
            ["kept answers", $"{journal.KeptAnswers}"],
        ]);
        if (journal.Open.Count > 0)
        {
            Output.WriteTable(
                ["OPERATION", "KIND", "VOLUME", "FROM", "TO", "REQUEST"],
                journal.Open.Select(o => new[] { $"{o.Operation}", o.Kind, o.Volume, SizeText.Format(o.FromBytes), SizeText.Format(o.ToBytes), o.Request ?? "" }));
        }
        if (journal.LastAnswers.Count > 0)
        {
            Output.WriteTable(["REQUEST", "KIND", "VOLUME", "OUTCOME"], journal.LastAnswers.Select(a => new[] { a.Request, a.Kind, a.Volume, a.Outcome }));
        }
        foreach (var damage in journal.Damage)
        {
            Console.Error.WriteLine($"spm: {damage}");
        }
    }
}
