/// The look of a report's page: one column on a phone, charts in pairs where there is room, dark where the reader's system is.
enum PageStyle {
    static let rules = """
        :root{color-scheme:light dark;--ink:#1f1e1b;--soft:#5c5b55;--page:#f4f3ef;--card:#fcfcfb;--edge:#e1e0da;--mark:#2a78d6}
        @media (prefers-color-scheme:dark){:root{--ink:#f3f2ee;--soft:#b0aea5;--page:#121211;--card:#1a1a19;--edge:#33322f;--mark:#6aa9f4}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
        main{max-width:1180px;margin:0 auto;padding:24px 16px 64px}
        h1{font-size:1.7rem;line-height:1.2;margin:8px 0 16px;overflow-wrap:anywhere}
        h2{font-size:1.15rem;margin:40px 0 4px}
        p{margin:4px 0 12px;color:var(--soft);max-width:75ch}
        .facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0 0 20px;font-size:.92rem}
        .facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(124px,1fr));gap:12px;padding:0;margin:0;list-style:none}
        .tiles li,.card{background:var(--card);border:1px solid var(--edge);border-radius:10px}
        .tiles li{padding:12px 14px}.tiles b{display:block;font-size:1.3rem;line-height:1.3;white-space:nowrap;font-variant-numeric:tabular-nums}
        .tiles span{color:var(--soft);font-size:.86rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:16px;margin-top:12px}
        .card{margin:0;padding:8px;overflow:hidden}.card svg{display:block;width:100%;height:auto}
        details{margin:4px 8px;font-size:.86rem}summary{cursor:pointer;color:var(--soft)}
        .scroll{overflow-x:auto;margin:8px 0}
        table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;min-width:50%}
        caption{text-align:left;font-weight:600;padding:4px 0}
        th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--edge);text-align:left;white-space:nowrap;font-weight:400}
        thead th{color:var(--soft);font-size:.84rem}.n{text-align:right}
        footer{margin-top:48px;color:var(--soft);font-size:.84rem}
        :focus-visible{outline:2px solid var(--mark);outline-offset:2px}
        @media print{body{background:#fff}.card,.tiles li{break-inside:avoid}}
        """
}
