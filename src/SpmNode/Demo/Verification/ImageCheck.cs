using System.Text.Json;
using System.Text.Json.Serialization;

namespace OvirtSpm.Node.Demo.Verification;

/// <summary><c>qemu-img check</c> of a volume through the node's socket.</summary>
static class ImageCheck
{
    /// <param name="blockDevice">What activating the volume read-only printed.</param>
    public static async Task<VerifiedFact> RunAsync(ChildProcesses children, string name, string blockDevice, CancellationToken stop)
    {
        const string Tool = "qemu-img check";
        var options = BlockDeviceOptions.Parse(blockDevice).Below("qcow2");
        var outcome = await children.RunAsync(
            "qemu-img", ["check", "--output=json", "--image-opts", $"{options}"], TimeSpan.FromMinutes(2), stop);
        if (outcome.IsMissing)
        {
            return new(Tool, $"{name} not verified: qemu-img is missing, install qemu-utils", false);
        }
        var result = Parse(outcome.Output);
        return outcome.ExitCode == 0 && result is { CheckErrors: 0, Corruptions: 0, Leaks: 0, AllocatedClusters: > 0 }
            ? new(Tool, $"{name}: no errors in {result.AllocatedClusters} clusters", true)
            : new(Tool, $"{name}: exit code {outcome.ExitCode}: {outcome.Excerpt}", false);
    }

    static Result? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Result>(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    sealed record Result(
        [property: JsonPropertyName("check-errors")] long CheckErrors,
        [property: JsonPropertyName("corruptions")] long Corruptions,
        [property: JsonPropertyName("leaks")] long Leaks,
        [property: JsonPropertyName("allocated-clusters")] long AllocatedClusters);
}
