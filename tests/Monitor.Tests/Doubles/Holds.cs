using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Tests;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>Runs a property.</summary>
internal static class Holds
{
    public static void ForAll<T>(Arbitrary<T> values, Action<T> body, int tests = 500) =>
        Check.One(PropertyRuns.Of(tests), Prop.ForAll(values, body));

    public static void ForAll<T>(Gen<T> values, Action<T> body, int tests = 500) => ForAll(values.ToArbitrary(), body, tests);
}
