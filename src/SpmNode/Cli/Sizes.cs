using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary>Sizes as people type them.</summary>
static class Sizes
{
    public static long Parse(string text) =>
        SizeText.TryParse(text, DomainLimits.LargestDiskBytes, out var bytes) is var error && error == SizeError.None
            ? bytes
            : throw Refusal.Invalid(SizeText.Explain(error, text, DomainLimits.LargestDiskBytes) + ".");
}
