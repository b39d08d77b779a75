//! Words that name nothing: grammar, words of reporting, and words for kinds of things. They stay out of keys.

/// Language, words.
pub(super) const PLAIN: &[(&str, &str)] = &[
    (
        "English grammar",
        "a an the this that these those its it of in on at to for from by with and or as be is are was were been being \
         has have had having will would should can could may might do does did not no nor if when while than then \
         there into onto out over under after before during per via within about your you our we i my me their his her \
         please again already still just only also very more less most least all any each some both other one now new \
         old current currently previous previously last first next latest yet so but which who what where how s",
    ),
    (
        "English reporting",
        "alert alerts alerting alerted alarm alarms notification notifications notify notice message messages event \
         events mail email e-mail report reports reported reporting information info update updates updated monitoring \
         monitor monitors monitored system status state states condition changed change changes transition \
         transitioned entered entering enter occurred occurring occurs occur detected detection detects received \
         receiving sent send generated generate became become becomes went turned set reached reaches reach observed \
         found notified see seen value values level levels threshold thresholds limit limits above below exceeds \
         exceeded exceed crossed cross greater between equal equals average avg max min maximum minimum time times \
         date duration downtime uptime count counter priority severity prio sev automatic automatically auto subject \
         re fwd fw summary details detail description summary issue issues problem problems incident incidents ticket \
         case number nr id ids attempt attempts try retry tries total version response started starting start begins \
         began begin successfully success further action required needs need immediate immediately host hosts hostname \
         server servers service services device devices node machine computer check checks application app resource \
         object instance instances entity component item following trigger transferred upper lower than got worse \
         better activated deactivated ended following schedule scheduled dear user hello investigating identified \
         escalated ongoing progress scheduled fired triggered by with established omitting adding opened open closed \
         close acknowledged auto-resolved auto-close resolved \
         escalation custom re-triggered retriggered renotify re-notify reopened re-opened reminder match matched \
         matches matching",
    ),
    (
        "English units",
        "percent pct ms msec sec secs second seconds min mins minute minutes hour hours hr hrs day days week weeks \
         month months byte bytes kb mb gb tb kib mib gib tib bps kbps mbps gbps rpm hz khz mhz ghz volt volts amp amps \
         watt watts bar psi celsius fahrenheit degrees degree degc degf utc gmt cet cest est edt cst cdt mst pst pdt \
         jst bst msk am pm o'clock",
    ),
    (
        "days and months",
        "mon monday tue tues tuesday wed wednesday thu thur thursday fri friday sat saturday sunday january february \
         april june july august september october november december jan feb apr jun jul aug sep sept oct nov dec \
         montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar marz mai juni juli oktober \
         dezember lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier mars avril juin juillet aout \
         septembre octobre novembre decembre lunes martes miercoles jueves viernes sabado domingo enero febrero marzo \
         abril mayo junio julio agosto septiembre octubre noviembre diciembre janeiro fevereiro marco maio junho julho \
         setembro outubro novembro dezembro",
    ),
    (
        "German",
        "der die das den dem des ein eine einer eines einem einen und oder ist sind war wurde wurden wird werden hat \
         haben auf aus bei mit von vom zu zum zur im am an in fur uber unter nach vor durch nicht wieder jetzt nun \
         mehr noch bereits es sie wir ihr ihre bitte als auch meldung meldungen nachricht benachrichtigung hinweis \
         bericht status zustand uberwachung ereignis erkannt festgestellt gemeldet aufgetreten eingetreten gewechselt \
         wechsel geandert beendet aktuell aktueller neuer neue neues wert schwellwert schwellenwert grenzwert schwelle \
         zeit datum dauer uhr minuten minute sekunden stunden stunde tage tag prozent rechner server host dienst gerat \
         system anlage seit",
    ),
    (
        "French",
        "le la les l un une des du de d et ou est sont etait a ont ete sur dans par pour avec sans en au aux ce cette \
         ces il elle son sa ses nous vous votre pas plus ne n qui que deja encore nouveau nouvelle nouvel notification \
         message alerte alertes evenement etat statut surveillance supervision rapport detecte detectee detection \
         signale passe fonctionnement passee devient devenu change changement valeur seuil limite niveau depuis duree \
         heure heures minutes minute secondes jour jours pourcent hote serveur service equipement machine systeme \
         apres avant actuel actuelle maintenant",
    ),
    (
        "Spanish and Portuguese",
        "el la los las lo un una unos unas de del al y o e es son esta estan estaba era fue ha han sido en con sin por \
         para su sus se no ya que mas nuevo nueva otra vez de nuevo nuevamente alerta alertas alarma notificacion \
         mensaje aviso evento estado monitoreo monitorizacion supervision informe reporte detectado detectada detecto \
         valor umbral limite nivel desde duracion hora horas minutos minuto segundos dia dias porciento servidor \
         equipo servicio host sistema ahora despues antes actual os as um uma do da dos das ao aos no na nos nas pelo \
         pela com sem foi esta estao era voltou novo nova mais alarme notificacao mensagem evento monitoramento \
         monitorizacao relatorio detectada detectado valor limiar limite nivel desde duracao minutos segundos dias \
         servidor servico sistema agora apos antes atual novamente",
    ),
    (
        "Italian and Dutch",
        "il lo gli un uno una di del della dei delle e o stato stata sono in con per da dal su sul non nuovo notifica \
         messaggio avviso evento rilevato valore soglia ora minuti secondi giorni dopo adesso servizio de het een van \
         voor met op is zijn was werd naar niet weer nu nog melding bericht gebeurtenis status bewaking gedetecteerd \
         waarde drempel sinds minuten seconden uur dagen apparaat dienst",
    ),
    (
        "Russian",
        "и в во на с со по от до из за к о об у не нет был была было были стал стала новый новая снова уже сообщение \
         уведомление оповещение событие состояние статус мониторинг обнаружен обнаружена обнаружено значение порог \
         уровень время минут минуты секунд часов дней сервер узел хост служба сервис устройство система сейчас после",
    ),
];
