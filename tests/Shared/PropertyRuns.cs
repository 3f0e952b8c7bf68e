using FsCheck;
using FsCheck.Fluent;

namespace OvirtSpm.Tests;

/// <summary>The same cases on every machine and every day, so that a red build is red for everybody; <c>SPM_PROPERTY_SEED</c> asks for others.</summary>
internal static class PropertyRuns
{
    private static readonly ulong Seed =
        ulong.TryParse(Environment.GetEnvironmentVariable("SPM_PROPERTY_SEED"), out var seed) ? seed : 20261120;

    public static Config Of(int tests) => Config.QuickThrowOnFailure.WithMaxTest(tests).WithReplay(Seed, 77);
}
