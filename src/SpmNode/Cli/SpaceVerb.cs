using System.CommandLine;
using System.Globalization;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain set</c>: the pool's rules for space, and how they are said.</summary>
static class SpaceVerb
{
    public static Command Create()
    {
        var (lun, url, sectorSize, json, wait) = (CommonOptions.Lun(), CommonOptions.Url(), CommonOptions.SectorSize(), CommonOptions.Json(), CommonOptions.Wait());
        var overcommit = new Option<string>("--overcommit") { Description = "what volumes may come to need, in percent of the pool, e.g. 300%; 'none' for no limit" };
        var reserve = new Option<string>("--reserve") { Description = "kept for running guests: 5% of the pool, or a size such as 20G; both may be set one after the other, the larger counts; 0 for none" };
        var warn = new Option<string>("--warn") { Description = "warn when so much is allocated, e.g. 85%" };
        var command = new Command("set", "The pool's rules for space: over-commit, reserve, warning.") { lun, url, sectorSize, json, wait, overcommit, reserve, warn };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var (path, address) = CommonOptions.Target(parsed, lun, url);
            var request = Read(parsed.GetValue(overcommit), parsed.GetValue(reserve), parsed.GetValue(warn));
            await using var pool = path is null ? new NodeClient(address!) : NodeComposition.OpenOfflineVerbs(path, parsed.GetValue(wait), parsed.GetValue(sectorSize));
            var space = await pool.SetSpaceAsync(request);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(space);
            }
            else
            {
                Output.WriteTable(["", ""], Rows(space));
            }
            return 0;
        }));
        return command;
    }

    public static SpaceRequest Read(string? overcommit, string? reserve, string? warn)
    {
        var request = new SpaceRequest(overcommit switch { null => null, "none" => 0, _ => Percent(overcommit) }, WarnPercent: warn is null ? null : Percent(warn));
        return reserve switch
        {
            null => request,
            "0" or "none" => request with { ReservePercent = 0, ReserveMib = 0 },
            _ when reserve.EndsWith('%') => request with { ReservePercent = Percent(reserve) },
            _ => request with { ReserveMib = (Sizes.Parse(reserve) + (1 << 20) - 1) >> 20 },
        };
    }

    public static IEnumerable<string[]> Rows(SpaceReply space) =>
    [
        ["space", $"{SizeText.Format(space.FreeBytes)} free of {SizeText.Format(space.SizeBytes)}"
            + (space.UnseenBytes > 0 ? $", {SizeText.Format(space.UnseenBytes)} more on devices that this host does not see" : "") + (space.Level is { } level ? $", {level}" : "")],
        ["promised", $"{SizeText.Format(space.PromisedBytes)} when every volume is as large as it can become: {Share(space.PromisedBytes, space.SizeBytes)} of the pool"
            + (space.PromiseLimitBytes is { } limit ? $"; over-commit {space.OvercommitPercent} % allows {SizeText.Format(limit)}" : ", no limit")],
        ["reserve", space.ReserveBytes == 0 ? "none: guests, people and new volumes share what is left"
            : $"the last {SizeText.Format(space.ReserveBytes)} are for running guests; half of them for what people ask for volumes that are there"],
        .. space.SecondsToFull is { } seconds && space.BytesPerSecond is { } rate
            ? (string[][])[["rate", $"{SizeText.Format((long)rate)}/s over the last minutes: full in about {TimeSpan.FromSeconds(seconds).TotalHours:0.#} h"]] : [],
    ];

    static string Share(long part, long whole) => whole == 0 ? "–" : $"{part * 100.0 / whole:0} %";

    static int Percent(string text) =>
        int.TryParse(text.TrimEnd('%').TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out var percent)
            ? percent
            : throw Refusal.Invalid($"'{text}' is no percentage; 85% or 85 is expected.");
}
